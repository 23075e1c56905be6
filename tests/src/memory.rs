//! How much memory a process takes while something happens.

/// What the server of a measurement has in its environment: the allocator keeps a heap for each few threads, and what lies unused in
/// them is no transfer's.
pub fn one_heap() -> (String, String) {
    ("MALLOC_ARENA_MAX".to_owned(), "1".to_owned())
}

/// KiB in a process's memory, from here on or the most since then.
pub struct Memory {
    pid: u32,
    before: u64,
}

impl Memory {
    /// From now on.
    pub fn measure(pid: u32) -> Self {
        // Forgets what was the most until now: sign-ins take much for a moment.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        Self { pid, before: Self::of(pid, "VmRSS") }
    }

    /// The most that came on top.
    pub fn most(&self) -> u64 {
        Self::of(self.pid, "VmHWM").saturating_sub(self.before)
    }

    fn of(pid: u32, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
