//! Medians and ranges.

use crate::sample::Key;
use std::collections::BTreeMap;

/// All samples of one figure.
#[derive(Clone, Debug, Default)]
pub struct Figure(Vec<f64>);

impl Figure {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    pub fn range(&self) -> (f64, f64) {
        self.0.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Results {
    figures: BTreeMap<(Key, String), Figure>,
    /// What was not measured, and why.
    pub left_out: BTreeMap<Key, String>,
}

impl Results {
    pub fn note(&mut self, key: &Key, name: &str, value: f64) {
        self.figures.entry((key.clone(), name.to_owned())).or_default().add(value);
    }

    pub fn get(&self, case: &str, subject: &str, runtime: &str, n: usize, name: &str) -> Option<&Figure> {
        let [case, subject, runtime] = [case, subject, runtime].map(str::to_owned);
        self.figures.get(&(Key { case, subject, runtime, n }, name.to_owned()))
    }

    /// One line a figure: what, of whom, how many samples, median, least, most.
    pub fn table(&self) -> String {
        let mut text = String::from("case\tsubject\truntime\tn\tfigure\tsamples\tmedian\tleast\tmost\n");
        for ((key, name), figure) in &self.figures {
            let Key { case, subject, runtime, n } = key;
            let (median, (least, most)) = (figure.median(), figure.range());
            text += &format!(
                "{case}\t{subject}\t{runtime}\t{n}\t{name}\t{}\t{median:.1}\t{least:.1}\t{most:.1}\n",
                figure.len()
            );
        }
        text
    }
}
