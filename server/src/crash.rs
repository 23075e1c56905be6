//! Places between two steps of a rotation or a wipe at which tests end the process, as a kill at that moment would. Outside tests there
//! is nothing here.

/// Ends the process here if `THECHATAPP_CRASH_AT` names this place.
#[cfg(feature = "test-support")]
pub(crate) fn point(name: &str) {
    if std::env::var_os("THECHATAPP_CRASH_AT").is_some_and(|at| at == name) {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "test-support"))]
pub(crate) const fn point(_: &str) {}
