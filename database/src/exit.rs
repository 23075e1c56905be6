//! The end of the process. SQLCipher and OpenSSL free their memory and mutexes in handlers that run at exit
//! (`sqlcipher_extra_shutdown`, `OPENSSL_cleanup`), whatever other threads are doing with them at that moment; a program
//! that ends while a query still runs crashes now and then.
//!
//! OpenSSL is told to leave its memory to the system, because its cleaning up would also meet threads that are just ending,
//! which no lock of ours can hold. SQLCipher cannot be told so.
//!
//! So every use of a database holds a share of one lock for the whole process, as what it guards is one for the whole
//! process. A handler of ours, registered after theirs and thus run before them, takes the lock whole and keeps it: what
//! has begun ends first, and what would begin later waits until the process is gone.

use parking_lot::{RwLock, RwLockReadGuard};
use std::cell::Cell;
use std::mem;
use std::sync::Once;
use std::time::Duration;

/// How long an exit waits for what has begun: more than any query takes, and less than a person waits.
const PATIENCE: Duration = Duration::from_secs(5);

static IN_USE: RwLock<()> = RwLock::new(());

/// A share of the lock; while it is held the libraries stay as they are.
#[must_use = "a database may be used only while this is held"]
#[derive(Debug)]
pub struct InUse {
    _share: RwLockReadGuard<'static, ()>,
}

thread_local! {
    /// How many shares this thread holds.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Says that this thread uses a database directly. Readers and writers of this crate say so by themselves.
pub fn in_use() -> InUse {
    before_first_use();
    // Who holds none waits behind an exit that waits, which would else never get its turn in a busy program. Who holds one
    // gets another at once, or would wait for itself.
    let held = HELD.get();
    let share = if held == 0 { IN_USE.read() } else { IN_USE.read_recursive() };
    HELD.set(held + 1);
    InUse { _share: share }
}

impl Drop for InUse {
    fn drop(&mut self) {
        HELD.set(HELD.get().saturating_sub(1));
    }
}

/// Tells OpenSSL not to clean up at exit, to which it listens only before its first use; then wakes the library on one
/// thread while others wait. SQLite calls itself ready a moment before SQLCipher is (`sqlite3_initialize` runs
/// `SQLITE_EXTRA_INIT` after it has let go of its lock), so a second thread that opens a file in that moment would find no
/// cipher.
fn before_first_use() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        room::leave_openssl_alone();
        // What fails here fails again, and is told, where a file is opened.
        drop(rusqlite::Connection::open_in_memory());
    });
}

/// Registers the handler; once a database was opened, so that SQLCipher's and OpenSSL's are registered already.
pub(crate) fn wait_at_exit() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // It fails only when there is no memory for the entry; then an exit is as unguarded as it was before.
        let _ = room::atexit(finish);
    });
}

extern "C" fn finish() {
    if let Some(all) = IN_USE.try_write_for(PATIENCE) {
        mem::forget(all);
    }
}

/// The two calls that Rust cannot check: C's `atexit` (C17, 7.22.4.2), which keeps a pointer to a function that lives as long
/// as the program and cannot unwind; and `OPENSSL_init_crypto`, whose settings may be null. On Apple's systems SQLCipher
/// uses CommonCrypto instead of OpenSSL.
mod room {
    #![allow(unsafe_code, reason = "nothing in Rust's library runs at exit")]

    #[cfg(not(target_vendor = "apple"))]
    pub(super) fn leave_openssl_alone() {
        use std::ffi::{c_int, c_void};
        /// `OPENSSL_INIT_NO_ATEXIT` of openssl/crypto.h.
        const NO_ATEXIT: u64 = 0x0008_0000;
        unsafe extern "C" {
            fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
        }
        // Safety: null settings are the documented default. It fails only without memory; then an exit is as it was.
        let _ = unsafe { OPENSSL_init_crypto(NO_ATEXIT, std::ptr::null()) };
    }

    #[cfg(target_vendor = "apple")]
    pub(super) fn leave_openssl_alone() {}

    unsafe extern "C" {
        pub(super) safe fn atexit(handler: extern "C" fn()) -> std::ffi::c_int;
    }
}
