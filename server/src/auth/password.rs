//! Passwords: Argon2id (RFC 9106), 19 MiB, two passes, one lane, as OWASP asks. A few are computed at a time, so that a crowd
//! of sign-ins costs waiting and not memory; a name that does not exist costs the same time as a wrong password.

use crate::error::{Error, Fail, Result};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use thechatapp_protocol::{Code, ErrorBody};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Shortest password, in characters.
const SHORTEST: usize = 8;
/// Longest, in bytes: more is no password but an attack on the hash.
const LONGEST: usize = 1024;
/// Computed at once.
const AT_ONCE: usize = 2;
/// Waiting at most.
const WAITING: usize = 200;

/// What computing one hash costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// What the product uses.
    pub const PRODUCT: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// For tests, which are about something else.
    #[cfg(any(test, feature = "test-support"))]
    pub const TESTS: Self = Self { memory_kib: 8, passes: 1 };
}

/// Hashes and checks passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    nobody: String,
    turns: Semaphore,
    waiting: Semaphore,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl Passwords {
    /// At this cost.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(cost: Cost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|why| Error::internal("The password hash is misconfigured", why))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody's password")?;
        Ok(Self { argon2, nobody, turns: Semaphore::new(AT_ONCE), waiting: Semaphore::new(WAITING) })
    }

    /// The hash of a new password, in PHC form.
    ///
    /// # Errors
    /// Bad input for a short or long one; busy when too many wait.
    pub async fn hash(self: &std::sync::Arc<Self>, password: String) -> std::result::Result<String, Fail> {
        let password = Zeroizing::new(password);
        if password.chars().count() < SHORTEST {
            return Err(Fail::bad_input(
                "This password is too short",
                "it has fewer than 8 characters",
                "choose a longer one",
            ));
        }
        if password.len() > LONGEST {
            return Err(Fail::bad_input(
                "This password is too long",
                "it has more than 1024 bytes",
                "choose a shorter one",
            ));
        }
        let own = self.clone();
        self.in_turn(move || hash(&own.argon2, &password).map_err(|_| Fail::Broken("a password that does not hash")))
            .await
    }

    /// Whether a password is the one behind a hash; without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// Busy when too many wait.
    pub async fn verify(
        self: &std::sync::Arc<Self>,
        password: String,
        known: Option<String>,
    ) -> std::result::Result<bool, Fail> {
        let (password, own) = (Zeroizing::new(password), self.clone());
        self.in_turn(move || {
            if password.len() > LONGEST {
                return Ok(false);
            }
            let exists = known.is_some();
            let text = known.unwrap_or_else(|| own.nobody.clone());
            let parsed = PasswordHash::new(&text).map_err(|_| Fail::Broken("a password hash that is none"))?;
            Ok(own.argon2.verify_password(password.as_bytes(), &parsed).is_ok() && exists)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let busy = || {
            Fail::from(
                ErrorBody::new(
                    Code::Busy,
                    "Too many people sign in at once",
                    "the server is busy",
                    "try again in a moment",
                )
                .after(5),
            )
        };
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.turns.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Fail::Broken("a password check that did not end"))?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    let salt = SaltString::encode_b64(&salt).map_err(|why| Error::internal("A salt could not be made", why))?;
    let hash = argon2
        .hash_password(password.as_bytes(), &salt)
        .map_err(|why| Error::internal("A password could not be hashed", why))?;
    Ok(hash.to_string())
}
