//! A key service, and how it does.

use super::Figures;
use std::sync::Arc;
use std::time::Instant;
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};

/// A key service whose calls are counted.
pub struct Watched {
    service: Arc<dyn KeyService>,
    figures: Arc<Figures>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watched({})", self.service.provider())
    }
}

impl Watched {
    /// The same service.
    pub fn new(service: Arc<dyn KeyService>, figures: Arc<Figures>) -> Arc<Self> {
        Arc::new(Self { service, figures })
    }

    fn counted<T>(&self, call: &str, asked: impl FnOnce() -> Result<T, KmsError>) -> Result<T, KmsError> {
        let begun = Instant::now();
        let answer = asked();
        self.figures.key_seconds.with_label_values(&[call]).observe(begun.elapsed().as_secs_f64());
        self.figures.key_calls.with_label_values(&[call, outcome(&answer)]).inc();
        answer
    }
}

impl KeyService for Watched {
    fn wrap(&self, context: &WrapContext, key: &Key) -> Result<Vec<u8>, KmsError> {
        self.counted("wrap", || self.service.wrap(context, key))
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> Result<Key, KmsError> {
        self.counted("unwrap", || self.service.unwrap(context, wrapped))
    }

    fn provider(&self) -> &'static str {
        self.service.provider()
    }

    fn key_id(&self) -> String {
        self.service.key_id()
    }
}

fn outcome<T>(answer: &Result<T, KmsError>) -> &'static str {
    match answer {
        Ok(_) => super::OK,
        Err(KmsError::Unavailable) => "unavailable",
        Err(KmsError::Throttled) => "throttled",
        Err(KmsError::Denied) => "denied",
        Err(KmsError::Disabled) => "disabled",
        Err(KmsError::WrongKey | KmsError::BadPassphrase) => "wrong_key",
        Err(KmsError::NotFound) => "not_found",
        Err(KmsError::Garbage) => "garbage",
        Err(_) => "failed",
    }
}
