//! A secret key in a token behind PKCS #11: AES-256, `CKM_AES_GCM` with the workspace as associated data. The key never
//! leaves the token.
//!
//! What is wrapped: version (1) || initialisation vector (12) || ciphertext and tag (48).
//!
//! A PIN that the token refused is not shown again until another one is given: tokens lock after a few.

use super::ending::{Ending, EndsKeys, NOT_GIVEN, not_ended, unanswered};
use super::remote::Owner;
use super::{Secret, associated};
use crate::error::{Error, Result};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11 as Module};
use cryptoki::error::{Error as Wrong, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::path::PathBuf;
use std::time::Duration;
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const IV: usize = 12;
const WRAPPED: usize = 1 + IV + 32 + 16;

/// Which key of which token, as the URI names them (RFC 7512). What is not named may be anything, but must be only one.
#[derive(Clone, Default)]
pub struct Address {
    /// The library that drives the token.
    pub module: PathBuf,
    /// The token's label.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's id.
    pub id: Option<Vec<u8>>,
    /// The user's PIN; none for a token that wants none.
    pub pin: Option<Secret>,
}

/// A key in a token.
pub struct Pkcs11 {
    key_id: String,
    device: Owner<Device>,
}

struct Device {
    address: Address,
    module: Option<Module>,
    open: Option<(Session, ObjectHandle)>,
    refused_pin: Option<Zeroizing<String>>,
}

impl Pkcs11 {
    pub fn new(address: Address, patience: Duration) -> Result<Self> {
        if !address.module.is_file() {
            return Err(Error::bad_input(
                "The PKCS #11 module is not there",
                address.module.display().to_string(),
                "give module-path as an absolute path",
            ));
        }
        let named = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
        let id = address.id.as_ref().map(|id| format!("id={}", data_encoding::HEXLOWER.encode(id)));
        let parts = [named("token", &address.token), named("serial", &address.serial)];
        let parts = parts.into_iter().chain([named("object", &address.object), id]);
        let key_id = parts.flatten().collect::<Vec<_>>().join(";");
        Ok(Self {
            key_id,
            device: Owner::new(Device { address, module: None, open: None, refused_pin: None }, patience)?,
        })
    }
}

impl Device {
    /// Does something with the key. A token that was taken out and put back wants a new session: that is tried once.
    fn with_key<T>(
        &mut self,
        job: impl Fn(&Session, ObjectHandle) -> std::result::Result<T, Wrong>,
    ) -> std::result::Result<T, KmsError> {
        if let Some((session, key)) = &self.open {
            match job(session, *key) {
                Err(why) if is_stale(&why) => self.open = None,
                done => return done.map_err(|why| said(&why)),
            }
        }
        let (session, key) = self.connect()?;
        let done = job(&session, key);
        self.open = Some((session, key));
        done.map_err(|why| said(&why))
    }

    fn connect(&mut self) -> std::result::Result<(Session, ObjectHandle), KmsError> {
        self.connect_by(Module::open_ro_session)
    }

    fn connect_by(
        &mut self,
        open: impl Fn(&Module, Slot) -> std::result::Result<Session, Wrong>,
    ) -> std::result::Result<(Session, ObjectHandle), KmsError> {
        let module = self.module()?;
        let slot = self.slot(&module)?;
        let session = open(&module, slot).map_err(|why| said(&why))?;
        if let Some(secret) = &self.address.pin {
            let pin = secret.read()?;
            if self.refused_pin.as_ref() == Some(&pin) {
                return Err(KmsError::Denied);
            }
            match session.login(UserType::User, Some(&AuthPin::new(pin.to_string().into()))) {
                Ok(()) | Err(Wrong::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => self.refused_pin = None,
                Err(why) => {
                    if matches!(why, Wrong::Pkcs11(RvError::PinIncorrect, _)) {
                        self.refused_pin = Some(pin);
                    }
                    return Err(said(&why));
                }
            }
        }
        let mut wanted = vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES)];
        wanted.extend(self.address.object.iter().map(|label| Attribute::Label(label.clone().into_bytes())));
        wanted.extend(self.address.id.iter().map(|id| Attribute::Id(id.clone())));
        let found = session.find_objects(&wanted).map_err(|why| said(&why))?;
        match found.as_slice() {
            [key] => Ok((session, *key)),
            [] => Err(KmsError::NotFound),
            _ => {
                tracing::warn!(keys = found.len(), "several keys of the token fit: name one by object and id");
                Err(KmsError::NotFound)
            }
        }
    }

    fn module(&mut self) -> std::result::Result<Module, KmsError> {
        if let Some(module) = &self.module {
            return Ok(module.clone());
        }
        let module = Module::new(&self.address.module).map_err(|why| said(&why))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Others in this process may use the same module.
            Ok(()) | Err(Wrong::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(why) => return Err(said(&why)),
        }
        self.module = Some(module.clone());
        Ok(module)
    }

    fn slot(&self, module: &Module) -> std::result::Result<Slot, KmsError> {
        let mut fitting = Vec::new();
        for slot in module.get_slots_with_token().map_err(|why| said(&why))? {
            let Ok(token) = module.get_token_info(slot) else { continue };
            let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is.trim_end());
            if token.token_initialized()
                && fits(&self.address.token, token.label())
                && fits(&self.address.serial, token.serial_number())
            {
                fitting.push(slot);
            }
        }
        match fitting.as_slice() {
            [slot] => Ok(*slot),
            [] => {
                tracing::warn!("no such token is there");
                Err(KmsError::Unavailable)
            }
            _ => {
                tracing::warn!(tokens = fitting.len(), "several tokens fit: name one by token and serial");
                Err(KmsError::NotFound)
            }
        }
    }
}

fn is_stale(why: &Wrong) -> bool {
    use RvError as R;
    matches!(
        why,
        Wrong::Pkcs11(
            R::SessionHandleInvalid
                | R::SessionClosed
                | R::DeviceRemoved
                | R::DeviceError
                | R::TokenNotPresent
                | R::UserNotLoggedIn
                | R::ObjectHandleInvalid
                | R::KeyHandleInvalid,
            _
        )
    )
}

fn said(why: &Wrong) -> KmsError {
    use RvError as R;
    tracing::warn!(%why, "the token refused");
    match why {
        // How a tag that does not fit is told differs between modules.
        Wrong::Pkcs11(R::GeneralError, Function::Decrypt) => KmsError::WrongKey,
        Wrong::Pkcs11(rv, _) => match rv {
            R::PinIncorrect | R::PinExpired | R::PinLocked | R::PinInvalid | R::UserNotLoggedIn | R::PinLenRange => {
                KmsError::Denied
            }
            R::KeyFunctionNotPermitted | R::KeyTypeInconsistent | R::KeySizeRange | R::MechanismInvalid => {
                KmsError::Disabled
            }
            R::ObjectHandleInvalid | R::KeyHandleInvalid => KmsError::NotFound,
            R::EncryptedDataInvalid | R::EncryptedDataLenRange | R::DataInvalid => KmsError::WrongKey,
            _ => KmsError::Unavailable,
        },
        _ => KmsError::Unavailable,
    }
}

/// A wrapped key, taken apart.
struct Wrapped {
    bound: Vec<u8>,
    iv: [u8; IV],
    sealed: Vec<u8>,
}

impl Wrapped {
    fn parse(context: &WrapContext, wrapped: &[u8]) -> std::result::Result<Self, KmsError> {
        let (Some((&VERSION, rest)), WRAPPED) = (wrapped.split_first(), wrapped.len()) else {
            return Err(KmsError::Garbage);
        };
        let (iv, sealed) = rest.split_first_chunk::<IV>().ok_or(KmsError::Garbage)?;
        Ok(Self { bound: associated(context), iv: *iv, sealed: sealed.to_vec() })
    }

    fn open(&self, session: &Session, key: ObjectHandle) -> std::result::Result<Zeroizing<Vec<u8>>, Wrong> {
        let mut iv = self.iv;
        let parameters = GcmParams::new(&mut iv, &self.bound, 128.into())?;
        session.decrypt(&Mechanism::AesGcm(parameters), key, &self.sealed).map(Zeroizing::new)
    }
}

impl KeyService for Pkcs11 {
    fn wrap(&self, context: &WrapContext, key: &Key) -> std::result::Result<Vec<u8>, KmsError> {
        let (bound, key) = (associated(context), key.clone());
        self.device.wait(move |device| {
            device.with_key(|session, handle| {
                let mut iv = [0; IV];
                session.generate_random_slice(&mut iv)?;
                let sealed = {
                    let parameters = GcmParams::new(&mut iv, &bound, 128.into())?;
                    session.encrypt(&Mechanism::AesGcm(parameters), handle, key.expose())?
                };
                // Tokens that choose the vector themselves have written it back.
                let mut wrapped = vec![VERSION];
                wrapped.extend_from_slice(&iv);
                wrapped.extend_from_slice(&sealed);
                Ok(wrapped)
            })
        })
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> std::result::Result<Key, KmsError> {
        let wrapped = Wrapped::parse(context, wrapped)?;
        let open = move |device: &mut Device| device.with_key(|session, key| wrapped.open(session, key));
        let opened = self.device.wait(open)?;
        Key::try_from(opened.as_slice()).map_err(|_| KmsError::Garbage)
    }

    fn provider(&self) -> &'static str {
        "pkcs11"
    }

    fn key_id(&self) -> String {
        self.key_id.clone()
    }
}

impl EndsKeys for Pkcs11 {
    fn end(&self, context: &WrapContext, wrapped: &[u8], _: u16) -> Result<Ending> {
        const RIGHTS: &str = "the token's user has to be allowed to destroy it (CKA_DESTROYABLE); or leave --destroy-remote-key out, and \
                              destroy the key there";
        let wrapped = Wrapped::parse(context, wrapped).map_err(|why| not_ended(why, NOT_GIVEN))?;
        let ended = self.device.wait(move |device| {
            // The object that opened it is the one that goes, by the same session.
            let (session, key) = device.connect_by(Module::open_rw_session)?;
            wrapped.open(&session, key).map_err(|why| said(&why))?;
            let destroyed = session.destroy_object(key);
            if destroyed.is_ok() {
                device.open = None;
            }
            Ok(destroyed)
        });
        match ended.map_err(|why| unanswered(&why))? {
            Ok(()) => Ok(Ending::Destroyed),
            Err(why) => {
                said(&why);
                Err(not_ended(format!("the token says: {why}"), RIGHTS))
            }
        }
    }
}
