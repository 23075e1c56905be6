//! What an app brings of its phone: secure storage, what the system knows of its network, and the device's name.

use crate::secrets::{Bridge, SecretStore};
use std::fmt;
use std::sync::Arc;
use thechatapp_core::platform::{PlainNetwork, SECRET_WAIT, SystemClock};
use thechatapp_core::{Platform, SystemNetwork};

/// Why the system does not say by which proxy to go, though it could: nobody goes past a proxy by such a chance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum NetworkError {
    /// It does not say.
    #[error("the system does not say which way to go: {why}")]
    Unknown {
        /// Why.
        why: String,
    },
}

/// An exception that the app's implementation did not declare.
impl From<uniffi::UnexpectedUniFFICallbackError> for NetworkError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unknown { why: error.reason }
    }
}

/// What the phone knows of its network: `ConnectivityManager` and `ProxySelector` on Android, `NWPathMonitor` and
/// `CFNetworkCopyProxiesForURL` on iOS. Calls come from threads of their own; they are answered at once.
#[uniffi::export(with_foreign)]
pub trait Network: Send + Sync {
    /// Whether what goes over the network costs, or is to be spared. Then only what people look at is fetched.
    fn metered(&self) -> Result<bool, NetworkError>;

    /// By which proxies the system would go to an address, the first that works: `direct://`, `http://HOST:PORT`,
    /// `socks5://HOST:PORT`. Empty for straight.
    fn proxies(&self, url: String) -> Result<Vec<String>, NetworkError>;
}

/// What an app brings.
#[derive(Clone, uniffi::Record)]
pub struct Phone {
    /// Its secure storage.
    pub secrets: Arc<dyn SecretStore>,
    /// What the system knows of its network; without, nothing is known, and nothing is taken to cost.
    #[uniffi(default = None)]
    pub network: Option<Arc<dyn Network>>,
    /// What this device enrols under.
    #[uniffi(default = "")]
    pub device_name: String,
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone").field("device_name", &self.device_name).finish_non_exhaustive()
    }
}

impl From<Phone> for Platform {
    fn from(phone: Phone) -> Self {
        Self {
            secrets: Arc::new(Bridge(phone.secrets)),
            secret_wait: SECRET_WAIT,
            clock: Arc::new(SystemClock),
            device_name: phone.device_name,
            device_platform: std::env::consts::OS.to_owned(),
            extra_roots: Vec::new(),
            network: match phone.network {
                Some(network) => Arc::new(Known(network)),
                None => Arc::new(PlainNetwork),
            },
        }
    }
}

/// The app's network as the core wants it.
struct Known(Arc<dyn Network>);

impl SystemNetwork for Known {
    fn proxies(&self, url: &str) -> Result<Vec<String>, String> {
        self.0.proxies(url.to_owned()).map_err(|why| why.to_string())
    }

    /// A system that does not say may cost: history can wait.
    fn metered(&self) -> bool {
        self.0.metered().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(Result<bool, NetworkError>);

    impl Network for Says {
        fn metered(&self) -> Result<bool, NetworkError> {
            self.0.clone()
        }

        fn proxies(&self, url: String) -> Result<Vec<String>, NetworkError> {
            self.0.clone().map(|_| vec![url])
        }
    }

    #[test]
    fn a_network_that_does_not_say_is_spared_and_nobody_goes_past_its_proxy() {
        for metered in [true, false] {
            let known = Known(Arc::new(Says(Ok(metered))));
            assert_eq!((known.metered(), known.proxies("https://a")), (metered, Ok(vec!["https://a".to_owned()])));
        }
        let unexpected = NetworkError::from(uniffi::UnexpectedUniFFICallbackError::new("KeyError: x"));
        let known = Known(Arc::new(Says(Err(unexpected))));
        assert!(known.metered());
        assert!(known.proxies("https://a").unwrap_err().contains("KeyError"));
    }
}
