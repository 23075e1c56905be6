//! What a process gives up before it reads what a stranger made. It cannot take any of it back.
//!
//! Everywhere but on Windows: more memory and time than it was given, files, other processes, a core dump with what it read. On Linux
//! a filter of system calls (seccomp) leaves only what reading, computing and writing need: no file, socket, process or
//! program can be opened or started, and no memory becomes code.

#[cfg(target_os = "linux")]
pub(super) mod filter;

/// Gives it up.
#[cfg(unix)]
pub(super) fn confine(memory: u64, seconds: u64) -> Result<(), ()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limits = [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        // Input, output and errors are open already.
        (Resource::Nofile, 3),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(drop)?;
    }
    #[cfg(target_os = "linux")]
    filter::apply()?;
    Ok(())
}

/// Nothing of the kind: the decoder's own bounds and the clock of whoever started it have to do.
#[cfg(not(unix))]
pub(super) fn confine(_: u64, _: u64) -> Result<(), ()> {
    Ok(())
}
