//! What services say about themselves, for people: see [`Context::status`](crate::Context::status).

use super::Core;
use crate::board::Id;

impl Core {
    /// Sets the status text of a service; an empty text removes it.
    pub(crate) fn set_status(&self, id: Id, text: &str) {
        let text: Box<str> = text.into();
        let before = self.status_texts.lock().entry(id).map(|place| std::mem::replace(place, text));
        drop(before);
        self.changed.notify_one();
    }

    /// The status text of a service.
    pub(crate) fn status_text(&self, id: Id) -> Option<String> {
        let texts = self.status_texts.lock();
        texts.get(id).filter(|text| !text.is_empty()).map(ToString::to_string)
    }

    /// The status texts of the first few services.
    #[allow(dead_code, reason = "only the systemd notifications read it")]
    pub(crate) fn status_texts(&self, few: usize) -> Vec<(Id, Box<str>)> {
        let texts = self.status_texts.lock();
        let mut set = Vec::new();
        for (id, text) in texts.iter() {
            if !text.is_empty() && set.len() < few {
                set.push((id, text.clone()));
            }
        }
        set
    }
}
