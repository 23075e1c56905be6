//! What keeps keys and texts inside a program when it goes wrong: no core dumps, no other program of the same person that looks
//! into its memory, and no words of a panic, which may quote what was being worked on.

use std::any::Any;

/// Core dumps are off, for this process and those that it starts. Where the system refuses, it is as it was.
pub fn no_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// Other programs of the same person cannot attach to this process (Linux; elsewhere the system's own rules count).
pub fn no_onlookers() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The words of a panic if they stand in the program as they are. What was put together may hold anything.
pub fn panic_words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("its words are left out, for they may hold content")
}
