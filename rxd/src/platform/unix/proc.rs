//! The processes of the system, as `/proc` has them on Linux.

/// A process, by the text of its `stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessStat {
    pub(super) pid: i32,
    pub(super) is_zombie: bool,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// When it was started, in ticks: with the number, it names one process for good.
    pub(super) started: u64,
}

impl ProcessStat {
    fn parse(stat: &str) -> Option<Self> {
        let (pid, rest) = stat.split_once(' ')?;
        // The name of the program is in parentheses, and may have some itself, and spaces.
        let (_, rest) = rest.rsplit_once(") ")?;
        // State, parent, group, and the start as the 22nd of all.
        let mut fields = rest.split(' ');
        let is_zombie = matches!(fields.next()?, "Z" | "X");
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let started = fields.nth(16)?.parse().ok()?;
        Some(ProcessStat { pid: pid.parse().ok()?, is_zombie, parent, group, started })
    }
}

/// All processes that can be seen; `None` without a Linux `/proc`.
pub(super) fn processes() -> Option<impl Iterator<Item = ProcessStat>> {
    // Elsewhere `/proc` may be of another form.
    let folders = if cfg!(target_os = "linux") { std::fs::read_dir("/proc").ok()? } else { return None };
    // Without this process it is not the one of this system.
    std::fs::symlink_metadata("/proc/self").ok()?;
    Some(folders.filter_map(|folder| {
        let folder = folder.ok()?;
        // Only processes have a number for a name.
        folder.file_name().to_str()?.parse::<i32>().ok()?;
        ProcessStat::parse(&std::fs::read_to_string(folder.path().join("stat")).ok()?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_read_from_the_text_of_the_kernel() {
        let stat = "42 (a) R (b c) Z 41 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 6291 8";
        let read = ProcessStat { pid: 42, is_zombie: true, parent: 41, group: 40, started: 6291 };
        assert_eq!(ProcessStat::parse(stat), Some(read));
        assert_eq!(ProcessStat::parse("42 (a) R 41"), None);
        assert_eq!(ProcessStat::parse(""), None);
    }
}
