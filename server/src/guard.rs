//! What keeps keys and texts inside the process when it goes wrong: no core dumps, no other program of the same user that looks
//! into its memory, and no words of a panic, which may quote what was being worked on.

use std::any::Any;
use std::io::Write;
use std::panic::PanicHookInfo;

/// For the whole process, from its first moment on.
pub fn process() {
    #[cfg(unix)]
    no_core_dumps();
    std::panic::set_hook(Box::new(tell));
}

/// Where the system refuses, it is as it was: then the service manager's own limit counts.
#[cfg(unix)]
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The calling thread weighs less than others from now on. On Linux alone: elsewhere it would be the whole process.
pub fn weigh_less(by: i32) {
    #[cfg(target_os = "linux")]
    if let Err(why) = rustix::process::nice(by) {
        /// Every thread would say the same.
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| {
            tracing::warn!(%why, "threads that compute weigh as much as those that carry messages: setpriority is not allowed");
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = by;
}

fn tell(fault: &PanicHookInfo<'_>) {
    let place = fault.location().map(ToString::to_string).unwrap_or_default();
    let words = words(fault.payload());
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, words, "a fault of this program");
    } else {
        let _ = writeln!(std::io::stderr(), "a fault of this program at {place}: {words}");
    }
}

/// The words of a panic if they stand in the program as they are. What was put together may hold anything.
fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("its words are left out, for they may hold content")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(fault: impl FnOnce() + std::panic::UnwindSafe) -> Box<dyn Any + Send> {
        std::panic::catch_unwind(fault).unwrap_err()
    }

    #[test]
    fn what_a_panic_quotes_is_left_out() {
        let text = std::hint::black_box("what alice wröte".to_owned());
        let quoting = payload(move || drop(text[..14].to_owned()));
        assert!(
            quoting.downcast_ref::<String>().is_some_and(|words| words.contains("alice")),
            "it would have been quoted"
        );
        assert!(words(&*quoting).starts_with("its words are left out"));
        assert_eq!(words(&*payload(|| panic!("what the program says"))), "what the program says");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_weighs_less_alone() {
        let weight = || rustix::process::getpriority_process(None).unwrap();
        let before = weight();
        let after = std::thread::spawn(move || {
            weigh_less(3);
            weight()
        });
        assert_eq!((after.join().unwrap(), weight()), ((before + 3).min(19), before));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn there_are_no_core_dumps_and_no_onlookers() {
        no_core_dumps();
        let limits = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!((limits.current, limits.maximum), (Some(0), Some(0)));
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
    }
}
