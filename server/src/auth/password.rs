//! Passwords: Argon2id (RFC 9106), 19 MiB, two passes, one lane, as OWASP asks. A few threads of their own compute them, one fewer
//! than there are cores and with less weight than those that carry messages, so that a crowd of sign-ins costs waiting and
//! nothing else; a name that does not exist costs the same time as a wrong password. Whoever wants one computed has a place first
//! ([`super::places`]), which is there before an attempt is counted and costs nothing.
//!
//! A new password has to be long enough, hard to guess (`zxcvbn`, which knows common passwords, names and patterns), and, where the
//! host has a list of those that are known from elsewhere, not on it ([`super::breached`]).

use super::breached::Breached;
use super::places::{Of, Place, Places};
use crate::error::{Error, Fail, Result};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use thechatapp_protocol::{Code, ErrorBody};
use tokio::sync::oneshot;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

/// Longest, in bytes: more is no password but an attack on the hash.
const LONGEST: usize = 1024;
/// The least that is hard enough to guess: some ten million guesses.
const HARD: Score = Score::Two;
/// Most threads.
const MOST_THREADS: usize = 4;
/// How much less weight they have than others: a thread of weight 1 stands beside one of about 9.
const NICE: i32 = 10;

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

type Work = Box<dyn FnOnce() + Send>;
/// A place of whoever wants passwords hashed or checked.
pub type Turn = Place<Work>;

/// Hashes and checks passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    nobody: String,
    places: Arc<Places<Work>>,
    computed: AtomicU64,
    breached: OnceLock<Breached>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl Passwords {
    /// At this cost. Its threads end when it is dropped.
    ///
    /// # Errors
    /// When the system gives no randomness, or no threads.
    pub fn new(cost: Cost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|why| Error::internal("The password hash is misconfigured", why))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody's password")?;
        let own =
            Self { argon2, nobody, places: Arc::default(), computed: AtomicU64::default(), breached: OnceLock::new() };
        for _ in 0..threads() {
            let places = own.places.clone();
            let spawned = std::thread::Builder::new().name("passwords".into()).spawn(move || compute(&places));
            spawned.map_err(|why| Error::internal("No thread for passwords", why))?;
        }
        Ok(own)
    }

    /// A place among those who wait.
    ///
    /// # Errors
    /// Busy when there is none for them.
    pub fn place(&self, of: Of) -> std::result::Result<Turn, Fail> {
        self.place_among(of, usize::MAX)
    }

    /// The same, where they may hold so many at once.
    ///
    /// # Errors
    /// The same.
    pub fn place_among(&self, of: Of, most: usize) -> std::result::Result<Turn, Fail> {
        self.places.enter(of, most).ok_or_else(busy)
    }

    /// With a list of passwords that are known from elsewhere; once.
    pub fn set_breached(&self, list: Breached) {
        let _ = self.breached.set(list);
    }

    /// How many hashes were computed.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Whether a password may be chosen where it has to have so many characters; `about` is what others know of whoever chooses it.
    ///
    /// # Errors
    /// Bad input for a short, a long, a common or a known one.
    pub async fn fits(
        self: &Arc<Self>,
        place: &Turn,
        password: &str,
        shortest: u64,
        about: Vec<String>,
    ) -> std::result::Result<(), Fail> {
        long_enough(password, shortest)?;
        let (own, password) = (self.clone(), Zeroizing::new(password.to_owned()));
        let (score, known) = self
            .in_turn(place, move || {
                let about: Vec<&str> = about.iter().map(String::as_str).collect();
                let known = own.breached.get().map_or(Ok(false), |list| list.has(&password));
                Ok((zxcvbn(&password, &about).score(), known?))
            })
            .await?;
        if known {
            return refuse("This password is known", "it is on a list of passwords that were stolen elsewhere".into());
        }
        if score < HARD {
            return refuse("This password is easy to guess", "it is common, a pattern, or made of names".into());
        }
        Ok(())
    }

    /// The hash of a new password, in PHC form. Whether it may be chosen is asked before: [`Self::fits`].
    ///
    /// # Errors
    /// When the server stops.
    pub async fn hash(self: &Arc<Self>, place: &Turn, password: String) -> std::result::Result<String, Fail> {
        let (password, own) = (Zeroizing::new(password), self.clone());
        let work = move || {
            own.computed.fetch_add(1, Ordering::Relaxed);
            hash(&own.argon2, &password).map_err(|_| Fail::Broken("a password that does not hash"))
        };
        self.in_turn(place, work).await
    }

    /// Whether a password is the one behind a hash; without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// When the server stops.
    pub async fn verify(
        self: &Arc<Self>,
        place: &Turn,
        password: String,
        known: Option<String>,
    ) -> std::result::Result<bool, Fail> {
        let (password, own) = (Zeroizing::new(password), self.clone());
        self.in_turn(place, move || {
            if password.len() > LONGEST {
                return Ok(false);
            }
            own.computed.fetch_add(1, Ordering::Relaxed);
            let exists = known.is_some();
            let text = known.unwrap_or_else(|| own.nobody.clone());
            let parsed = PasswordHash::new(&text).map_err(|_| Fail::Broken("a password hash that is none"))?;
            Ok(own.argon2.verify_password(password.as_bytes(), &parsed).is_ok() && exists)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        place: &Turn,
        work: impl FnOnce() -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let ended = || Fail::Broken("a password check that did not end");
        let (answer, done) = oneshot::channel();
        let job: Work = Box::new(move || {
            // Nobody waits any more for what was given up.
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        });
        if !place.put(job) {
            return Err(ended());
        }
        done.await.map_err(|_| ended())?
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.places.close();
    }
}

/// What whoever finds no place is told.
pub fn busy() -> Fail {
    ErrorBody::new(Code::Busy, "Too many people sign in at once", "the server is busy", "try again in a moment")
        .after(5)
        .into()
}

/// Whether a password has a length that it may have, where it has to have so many characters.
///
/// # Errors
/// Bad input where it has not.
pub fn long_enough(password: &str, shortest: u64) -> std::result::Result<(), Fail> {
    if (password.chars().count() as u64) < shortest {
        return refuse("This password is too short", format!("it has fewer than {shortest} characters"));
    }
    if password.len() > LONGEST {
        return refuse("This password is too long", format!("it has more than {LONGEST} bytes"));
    }
    Ok(())
}

fn refuse(what: &str, why: String) -> std::result::Result<(), Fail> {
    Err(Fail::bad_input(what, why, "choose another: a few words that do not belong together are good"))
}

/// How many are computed at once: the cores but one, which is left to messages.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).clamp(1, MOST_THREADS)
}

/// Computes what comes until there is nobody left to ask.
fn compute(places: &Places<Work>) {
    crate::guard::weigh_less(NICE);
    while let Some(work) = places.next() {
        // One that fails must not take the thread with it; whoever waits is told by its dropped answer.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
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

#[cfg(test)]
mod tests;
