//! Codes of authenticators: RFC 6238 with SHA-1, six digits and steps of thirty seconds, which is what all of them know. The codes
//! are made by `totp-rs`; here is which of them fit.

use crate::error::Fail;
use subtle::ConstantTimeEq;
use thechatapp_protocol::Timestamp;
use totp_rs::{Algorithm, TOTP};
use zeroize::Zeroizing;

/// Seconds of a step.
const STEP: i64 = 30;
/// Steps that a device's clock may be wrong by, to either side (RFC 6238, section 5.2).
const SKEW: i64 = 1;
/// Bytes of a secret, as RFC 4226 recommends.
const SECRET: usize = 20;
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;

/// A new secret.
///
/// # Errors
/// When the system gives no randomness.
pub fn make_secret() -> Result<Zeroizing<Vec<u8>>, Fail> {
    let mut secret = Zeroizing::new(vec![0; SECRET]);
    getrandom::fill(&mut secret).map_err(|_| thechatapp_seal::Error::Random)?;
    Ok(secret)
}

fn authenticator(secret: &[u8], issuer: Option<String>, name: String) -> Result<TOTP, Fail> {
    let seconds = STEP.unsigned_abs();
    TOTP::new(Algorithm::SHA1, 6, 0, seconds, secret.to_vec(), issuer, name)
        .map_err(|_| Fail::Broken("a second factor that is none"))
}

/// The secret as people type it, and as `otpauth://` for a QR code.
///
/// # Errors
/// When the secret is none.
pub fn shown(secret: &[u8], workspace: &str, name: &str) -> Result<(String, String), Fail> {
    // A colon parts the two.
    let plain = |text: &str| text.replace(':', " ");
    let made = authenticator(secret, Some(plain(workspace)), plain(name))?;
    Ok((made.get_secret_base32(), made.get_url()))
}

/// The step of which a code is, where it is one of those about now and later than `last`. The same code never fits twice.
pub fn step_of(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let made = authenticator(secret, None, "a".to_owned()).ok()?;
    let current = now.0.div_euclid(1000).div_euclid(STEP);
    // All of them are computed, whichever fits.
    let fits = |step: &i64| {
        let second = u64::try_from(step.saturating_mul(STEP)).unwrap_or(0);
        bool::from(made.generate(second).as_bytes().ct_eq(code.as_bytes()))
    };
    let fitting: Vec<i64> = (current - SKEW..=current + SKEW).filter(fits).collect();
    fitting.into_iter().find(|step| *step > last)
}

/// Recovery codes: 80 random bits each, in groups of four letters and digits.
///
/// # Errors
/// When the system gives no randomness.
pub fn make_recovery_codes() -> Result<Vec<String>, Fail> {
    let one = || {
        let mut bytes = Zeroizing::new([0; 10]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| thechatapp_seal::Error::Random)?;
        let text = data_encoding::BASE32_NOPAD.encode(bytes.as_slice()).to_lowercase();
        let groups: Vec<String> = text.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into()).collect();
        Ok(groups.join("-"))
    };
    (0..RECOVERY_CODES).map(|_| one()).collect()
}

#[cfg(test)]
mod tests;
