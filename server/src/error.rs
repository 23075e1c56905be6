//! The crate's one public error: a kind that a caller can act on, and three sentences for people. Everything that can go
//! wrong below is mapped here.

use crate::store::reseal::Unopened;
use std::fmt;
use thechatapp_database as database;
use thechatapp_protocol::identity::IdentityError;
use thechatapp_protocol::{Code, ErrorBody};
use thechatapp_seal::KmsError;

/// What a caller can act on. Each kind has a stable name and exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command was not written as it must be.
    Usage,
    /// The input was wrong; nothing was changed.
    BadInput,
    /// Not allowed.
    Denied,
    /// Too many failures.
    LockedOut,
    /// No server, or a closed one.
    Unreachable,
    /// The key file is not there.
    KeyMissing,
    /// The passphrase or key is another.
    WrongKey,
    /// A file is damaged.
    Corrupt,
    /// Another process has the data folder.
    Busy,
    /// A newer release wrote the files.
    Newer,
    /// No room, or no right to write.
    DiskFull,
    /// The key service does not answer.
    KeyService,
    /// A fault of this program.
    Internal,
}

impl Kind {
    /// The exit code (`docs/command-line.md`).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::BadInput => 3,
            Self::Unreachable => 10,
            Self::Denied => 12,
            Self::LockedOut => 13,
            Self::KeyMissing => 22,
            Self::WrongKey => 23,
            Self::Corrupt => 24,
            Self::Busy => 26,
            Self::Newer => 27,
            Self::DiskFull => 28,
            Self::KeyService => 30,
            Self::Internal => 70,
        }
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::BadInput => "bad_input",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::LockedOut => "locked_out",
            Self::KeyMissing => "key_missing",
            Self::WrongKey => "wrong_key",
            Self::Corrupt => "corrupt",
            Self::Busy => "busy",
            Self::Newer => "newer",
            Self::DiskFull => "disk_full",
            Self::KeyService => "key_service",
            Self::Internal => "internal",
        }
    }

    /// The kind of an exit code, as read from another process.
    pub fn from_exit_code(code: u8) -> Self {
        const ALL: [Kind; 12] = [
            Kind::Usage,
            Kind::BadInput,
            Kind::Unreachable,
            Kind::Denied,
            Kind::LockedOut,
            Kind::KeyMissing,
            Kind::WrongKey,
            Kind::Corrupt,
            Kind::Busy,
            Kind::Newer,
            Kind::DiskFull,
            Kind::KeyService,
        ];
        ALL.into_iter().find(|kind| kind.exit_code() == code).unwrap_or(Self::Internal)
    }
}

/// What went wrong, why, and what to do.
#[derive(Debug)]
pub struct Error {
    /// The kind.
    pub kind: Kind,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub advice: String,
}

impl Error {
    /// An error with its three sentences.
    pub fn new(kind: Kind, what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: why.into(), advice: advice.into() }
    }

    /// Wrong input.
    pub fn bad_input(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, what, why, advice)
    }

    /// A fault of this program or its surroundings.
    pub fn internal(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, what, why.to_string(), "see the log; if it happens again, report it")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Error {}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl From<database::Error> for Error {
    fn from(error: database::Error) -> Self {
        use database::Error as E;
        let why = error.to_string();
        let (kind, what, advice) = match error {
            E::NotADatabase => {
                (Kind::WrongKey, "A database does not open", "check that the key file belongs to this data")
            }
            E::Plain => (Kind::Corrupt, "A database is not sealed", "restore it from a backup"),
            E::Newer { .. } => (Kind::Newer, "The data is of a newer release", "use that release"),
            E::Upgrade { .. } => (
                Kind::Internal,
                "The data could not be brought to this release",
                "the way back is in docs/upgrade.md; please report this",
            ),
            E::Damaged(_) => (Kind::Corrupt, "A database is damaged", "restore it from a backup"),
            E::Full(_) => (Kind::DiskFull, "The data cannot be written", "make room, or give the right to write"),
            E::NoLocks(_) => (
                Kind::BadInput,
                "The data cannot be kept in this folder",
                "put it on a file system of the machine itself, or one with locks",
            ),
            E::Unfit(_) | E::Failed(_) | E::Closed | E::Sqlite(_) => {
                (Kind::Internal, "The database failed", "see the log")
            }
        };
        Self::new(kind, what, why, advice)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        database::Error::from(error).into()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        match error.kind() {
            K::StorageFull | K::QuotaExceeded | K::ReadOnlyFilesystem | K::PermissionDenied => Self::new(
                Kind::DiskFull,
                "A file cannot be written",
                error.to_string(),
                "make room, or give the right to write",
            ),
            _ => Self::internal("A file operation failed", error),
        }
    }
}

impl From<KmsError> for Error {
    fn from(error: KmsError) -> Self {
        let why = error.to_string();
        let (kind, what, advice) = match error {
            KmsError::BadPassphrase => (
                Kind::WrongKey,
                "The key file does not open",
                "give the passphrase of this host; if it is right, the file is damaged",
            ),
            KmsError::WrongKey => (Kind::WrongKey, "A workspace key does not open", "give the key file of this host"),
            KmsError::Garbage | KmsError::NotAKeyFile => {
                (Kind::Corrupt, "A key file is damaged", "restore it from a backup")
            }
            KmsError::NotFound => (Kind::KeyMissing, "The key file is missing", "restore it from a backup"),
            KmsError::Io(inner) => return inner.into(),
            _ => (Kind::KeyService, "The key service gave no key", "see whether it runs and allows this host"),
        };
        Self::new(kind, what, why, advice)
    }
}

impl From<thechatapp_seal::Error> for Error {
    fn from(error: thechatapp_seal::Error) -> Self {
        use thechatapp_seal::Error as E;
        let kind = match error {
            E::WrongKey => Kind::WrongKey,
            E::Altered | E::Truncated | E::Range | E::KeyLength(_) => Kind::Corrupt,
            _ => Kind::Internal,
        };
        Self::new(kind, "Something sealed does not open", error.to_string(), "restore it from a backup")
    }
}

impl From<IdentityError> for Error {
    fn from(error: IdentityError) -> Self {
        Self::internal("The identity document failed", error)
    }
}

/// What a handler fails with: a refusal with its words, or a fault that is logged under an id.
#[derive(Debug, thiserror::Error)]
pub enum Fail {
    /// The caller is told.
    #[error(transparent)]
    Refused(#[from] ErrorBody),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// Something sealed does not open.
    #[error(transparent)]
    Seal(#[from] thechatapp_seal::Error),
    /// Some values do not open, whatever is tried; the others are not affected.
    #[error("{} values do not open and stay under older keys; the first is {}", .0.count, .0.first)]
    Unopened(Unopened),
    /// What is stored contradicts itself.
    #[error("the stored data contradicts itself: {0}")]
    Broken(&'static str),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The bucket with the files did not do what it was asked.
    #[error("the file storage failed: {0}")]
    Storage(#[from] object_store::Error),
    /// The workspace's identity could not be renewed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Fail {
    /// Wrong input.
    pub fn bad_input(what: &str, why: impl Into<String>, advice: &str) -> Self {
        ErrorBody::new(Code::BadInput, what, why, advice).into()
    }

    /// Not there, or not for the asker to see.
    pub fn not_found(what: &str) -> Self {
        ErrorBody::new(Code::NotFound, what, "there is none, or you may not see it", "check the name").into()
    }

    /// No room for it.
    pub fn full(what: &str, advice: &str) -> Self {
        ErrorBody::new(Code::DiskFull, what, "there is no room for it", advice).into()
    }

    /// Not allowed.
    pub fn denied(why: &str) -> Self {
        ErrorBody::new(Code::Denied, "This is not allowed", why, "ask an administrator").into()
    }

    /// The device is not enrolled any more.
    pub fn signed_out() -> Self {
        ErrorBody::new(
            Code::SignedOut,
            "This device is signed out",
            "it was not enrolled, or its enrolment was revoked",
            "sign in again",
        )
        .into()
    }

    /// Whether there is none.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::File(why) => why.kind() == std::io::ErrorKind::NotFound,
            Self::Storage(why) => matches!(why, object_store::Error::NotFound { .. }),
            Self::Refused(body) => body.code == Code::NotFound,
            _ => false,
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Database(why) => matches!(why, database::Error::Full(_)),
            Self::File(why) => matches!(
                why.kind(),
                std::io::ErrorKind::StorageFull
                    | std::io::ErrorKind::QuotaExceeded
                    | std::io::ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        }
    }

    /// Somebody else does it at the moment.
    pub fn busy(what: &str, why: &str) -> Self {
        ErrorBody::new(Code::Busy, what, why, "it is tried again by itself").after(1).into()
    }

    /// The words for the caller. A fault goes to the log with an id, and only the id goes out.
    pub fn into_body(self) -> ErrorBody {
        match self {
            Self::Refused(body) => body,
            Self::Database(database::Error::Full(_)) | Self::File(_) if self.is_full() => {
                tracing::error!(why = %self, "the disk is full");
                ErrorBody::new(
                    Code::DiskFull,
                    "The server has no room left",
                    "its disk is full; nothing was changed",
                    "tell whoever runs the server",
                )
            }
            Self::Database(database::Error::Closed) => ErrorBody::new(
                Code::Unavailable,
                "The server is stopping",
                "it goes away for a moment",
                "it is tried again by itself",
            ),
            Self::Storage(object_store::Error::NotFound { .. }) => Self::not_found("No such file").into_body(),
            Self::Storage(why) => {
                tracing::error!(error = %why, "the file storage failed");
                ErrorBody::new(
                    Code::Unavailable,
                    "The storage of this server's files fails",
                    storage_fault(&why),
                    "try again; if it lasts, tell whoever runs the server",
                )
            }
            fault => {
                let id = fault_id();
                tracing::error!(id, error = %fault, "a call failed");
                let (what, advice) = match fault {
                    Self::Seal(_) | Self::Broken(_) => (
                        "Something that the server stores does not open",
                        "tell whoever runs the server: `doctor` says what is damaged",
                    ),
                    _ => ("The server failed", "tell whoever runs the server"),
                };
                ErrorBody::new(Code::Internal, what, format!("the reason is in its log under {id}"), advice)
            }
        }
    }
}

impl From<Fail> for Error {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Database(error) => error.into(),
            Fail::File(error) => error.into(),
            Fail::Seal(error) => error.into(),
            Fail::Identity(error) => error.into(),
            Fail::Storage(why) => Self::new(
                Kind::Unreachable,
                "The storage of files fails",
                format!("{}: {why}", storage_fault(&why)),
                "see whether the bucket can be reached, and lets this host read and write",
            ),
            Fail::Unopened(_) => Self::new(
                Kind::Corrupt,
                "Some values do not open",
                fail.to_string(),
                "run doctor, which names all of them",
            ),
            Fail::Broken(why) => Self::new(Kind::Corrupt, "The stored data contradicts itself", why, "run doctor"),
            Fail::Refused(body) if body.code == Code::Damaged => {
                Self::new(Kind::Corrupt, body.what, body.why, "run doctor; restore the backup")
            }
            Fail::Refused(body) => {
                Self::new(Kind::from_exit_code(body.code.exit_code()), body.what, body.why, body.advice)
            }
        }
    }
}

/// In words that say nothing of the bucket: they go out.
fn storage_fault(why: &object_store::Error) -> &'static str {
    match why {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "it does not let the server in"
        }
        _ => "it does not answer, or not as it should",
    }
}

fn fault_id() -> String {
    let mut bytes = [0; 5];
    // Without randomness the id is a zero: the log entry is there all the same.
    let _ = getrandom::fill(&mut bytes);
    data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase()
}
