//! The configuration: a TOML file, over it the environment (`THECHATAPP_<SECTION>_<KEY>`, and `..._FILE` for a value that
//! stands in a file), over that the command line. A key that is not known is refused: a typing error must not pass as a
//! default.

mod backup;
mod own;

pub use backup::BackupSection;
pub use own::OwnKeySection;
pub(crate) use own::own_variable;

use crate::audit::Pace;
use crate::blobs;
use crate::error::{Error, Result};
use crate::store::files::Limits;
use crate::thumbnail::Drawing;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it serves.
    pub server: ServerSection,
    /// With which certificate.
    pub tls: TlsSection,
    /// As whom.
    pub identity: IdentitySection,
    /// What opens the keys.
    pub key: KeySection,
    /// How much may be stored.
    pub files: FilesSection,
    /// Signing in.
    pub auth: AuthSection,
    /// Browsers.
    pub web: WebSection,
    /// Searching.
    pub search: SearchSection,
    /// Backups by itself.
    pub backup: BackupSection,
    /// Where audit logs go.
    pub audit: AuditSection,
    /// What it logs.
    pub log: LogSection,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address that people use, when it is another: `https://chat.example.org`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Where Prometheus reads; off when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// Networks of proxies that are believed where a request comes from, as `10.0.0.0/8`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<IpNet>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 8443)), public_url: None, metrics: None, proxies: Vec::new() }
    }
}

/// `[tls]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// The certificate chain, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// `[identity]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySection {
    /// Whether sessions may come through a proxy that terminates TLS.
    pub allow_unbound: bool,
}

/// `[key]`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySection {
    /// The key service, for example `local:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms: Option<String>,
    /// The passphrase of the local one. Better in a file, or asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// The token for Vault. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_token: Option<String>,
    /// A file with the token for Vault, read anew for each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_token_file: Option<PathBuf>,
    /// The PIN of a PKCS #11 token. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// A file with the PIN, read anew for each login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
    /// How many seconds a workspace's key is used after the key service last gave it.
    pub cache_seconds: u64,
    /// How many seconds a call of the key service may take.
    pub timeout_seconds: u64,
    /// After how many days keys are rotated by themselves.
    pub rotate_days: RotateDays,
    /// What the key services of single workspaces want to see.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workspace: BTreeMap<String, OwnKeySection>,
}

/// `[key.rotate_days]`: what is older is rotated; what is absent never is by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateDays {
    /// The server's session keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// The identity root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<u32>,
    /// The keys of channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// The workspace key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<u32>,
    /// What the key service wraps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms: Option<u32>,
    /// The database's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<u32>,
}

impl RotateDays {
    fn is_valid(&self) -> bool {
        let all = [self.session, self.identity, self.channels, self.workspace, self.kms, self.database];
        !all.contains(&Some(0))
    }
}

impl Default for KeySection {
    fn default() -> Self {
        Self {
            kms: None,
            passphrase: None,
            vault_token: None,
            vault_token_file: None,
            pin: None,
            pin_file: None,
            cache_seconds: 300,
            timeout_seconds: 15,
            rotate_days: RotateDays::default(),
            workspace: BTreeMap::new(),
        }
    }
}

impl std::fmt::Debug for KeySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySection").field("kms", &self.kms).finish_non_exhaustive()
    }
}

/// `[files]`; sizes in bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesSection {
    /// The bucket for whole files, `s3://bucket/prefix?region=R&endpoint=URL`; the data folder when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The id of the key for the bucket; else AWS's own surroundings say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The key for the bucket. Better in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<String>,
    /// How many seconds the bucket may be silent.
    pub timeout_seconds: u64,
    /// Whether pictures get thumbnails.
    pub thumbnails: bool,
    /// How much memory the process has that makes one.
    pub thumbnail_memory: u64,
    /// How many seconds it may take.
    pub thumbnail_seconds: u64,
    /// The largest file.
    pub largest: u64,
    /// All files of one person; no bound when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_person: Option<u64>,
    /// All files of one workspace; no bound when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_workspace: Option<u64>,
}

impl Default for FilesSection {
    fn default() -> Self {
        Self {
            storage: None,
            access_key_id: None,
            secret_access_key: None,
            timeout_seconds: 20,
            thumbnails: true,
            thumbnail_memory: 512 << 20,
            thumbnail_seconds: 10,
            largest: blobs::LIMITS.file,
            per_person: None,
            per_workspace: None,
        }
    }
}

impl std::fmt::Debug for FilesSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limits = self.limits();
        f.debug_struct("FilesSection").field("storage", &self.storage).field("limits", &limits).finish_non_exhaustive()
    }
}

impl FilesSection {
    /// How thumbnails are drawn, by this program; `None` when none are wanted.
    pub fn drawing(&self, program: PathBuf) -> Option<Drawing> {
        let (memory, seconds) = (self.thumbnail_memory, self.thumbnail_seconds);
        self.thumbnails.then_some(Drawing { program, memory, seconds })
    }

    /// What they mean.
    pub fn limits(&self) -> Limits {
        Limits {
            file: self.largest,
            person: self.per_person.unwrap_or(u64::MAX),
            workspace: self.per_workspace.unwrap_or(u64::MAX),
        }
    }
}

/// `[auth]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSection {
    /// A file with the SHA-1 hashes of passwords that are known from elsewhere, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breached_passwords: Option<PathBuf>,
}

/// `[web]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebSection {
    /// Whether people may sign in by a browser.
    pub chat: bool,
}

/// `[search]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSection {
    /// Whether messages are indexed on the server.
    pub index: bool,
}

impl Default for SearchSection {
    fn default() -> Self {
        Self { index: true }
    }
}

/// `[audit]`: what of audit logs leaves the host by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// The file that every checkpoint is appended to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<PathBuf>,
    /// The syslog receiver: `tls://host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<String>,
    /// Who vouches for the receiver, PEM; else whom the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_ca: Option<PathBuf>,
    /// Whether a receiver that just closes the connection, without TLS's own end, counts as having read everything.
    pub syslog_plain_close: bool,
    /// How patient it is with the receiver; not to be configured.
    #[serde(skip)]
    pub pace: Pace,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// Which lines, as in `info` or `thechatapp_server=debug`.
    pub filter: String,
    /// Whether each line is a JSON object.
    pub json: bool,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false }
    }
}

/// Keys that are on or off.
const SWITCHES: [&str; 7] =
    ["syslog_plain_close", "allow_unbound", "json", "index", "thumbnails", "chat", "key_service"];

/// Keys that are sizes in bytes.
const SIZES: [&str; 4] = ["largest", "per_person", "per_workspace", "thumbnail_memory"];

/// Every key that the environment may set.
const KEYS: [(&str, &str); 42] = [
    ("audit", "syslog_plain_close"),
    ("audit", "witness"),
    ("audit", "syslog"),
    ("audit", "syslog_ca"),
    ("auth", "breached_passwords"),
    ("web", "chat"),
    ("search", "index"),
    ("server", "listen"),
    ("server", "public_url"),
    ("server", "metrics"),
    ("server", "proxies"),
    ("tls", "cert"),
    ("tls", "key"),
    ("identity", "allow_unbound"),
    ("key", "kms"),
    ("key", "passphrase"),
    ("files", "storage"),
    ("files", "access_key_id"),
    ("files", "secret_access_key"),
    ("files", "timeout_seconds"),
    ("files", "thumbnails"),
    ("files", "thumbnail_memory"),
    ("files", "thumbnail_seconds"),
    ("files", "largest"),
    ("files", "per_person"),
    ("files", "per_workspace"),
    ("backup", "to"),
    ("backup", "recovery_passphrase_file"),
    ("backup", "key_service"),
    ("backup", "every_hours"),
    ("backup", "rehearse_days"),
    ("backup", "keep_daily"),
    ("backup", "keep_weekly"),
    ("backup", "keep_monthly"),
    ("key", "vault_token"),
    ("key", "vault_token_file"),
    ("key", "pin"),
    ("key", "pin_file"),
    ("key", "cache_seconds"),
    ("key", "timeout_seconds"),
    ("log", "filter"),
    ("log", "json"),
];

impl Config {
    /// Reads a file, if one is given, and the environment, as `variable` knows it.
    ///
    /// # Errors
    /// Bad input, with what is wrong and where.
    pub fn read(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let bad = |why: String| Error::bad_input("The configuration cannot be used", why, "see docs/configuration.md");
        let mut table = match file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|why| bad(format!("{}: {why}", path.display())))?
                .parse::<Table>()
                .map_err(|why| bad(format!("{}: {why}", path.display())))?,
            None => Table::new(),
        };
        for (section, key) in KEYS {
            let name = format!("THECHATAPP_{}_{}", section.to_uppercase(), key.to_uppercase());
            // Some secrets change while the server runs: of those the file itself is a key.
            let in_file = (!KEYS.contains(&(section, &format!("{key}_file")))).then(|| format!("{name}_FILE"));
            let text = match (variable(&name), in_file.and_then(|name| variable(&name))) {
                (Some(_), Some(_)) => return Err(bad(format!("{name} and {name}_FILE are both set"))),
                (Some(text), None) => text,
                (None, Some(path)) => std::fs::read_to_string(&path)
                    .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                    .map_err(|why| bad(format!("{name}_FILE: {path}: {why}")))?,
                (None, None) => continue,
            };
            let value = match text.as_str() {
                "true" if SWITCHES.contains(&key) => Value::Boolean(true),
                "false" if SWITCHES.contains(&key) => Value::Boolean(false),
                number
                    if SIZES.contains(&key)
                        || ["every_hours", "rehearse_days"].contains(&key)
                        || key.starts_with("keep_") =>
                {
                    number.parse().map(Value::Integer).map_err(|_| bad(format!("{name}: {number} is no number")))?
                }
                number if key.ends_with("_seconds") => {
                    number.parse().map_or_else(|_| Value::String(text.clone()), Value::Integer)
                }
                all if key == "proxies" => {
                    all.split(',').map(|one| Value::String(one.trim().to_owned())).collect::<Vec<_>>().into()
                }
                _ => Value::String(text),
            };
            if let Value::Table(inner) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
                inner.insert(key.to_owned(), value);
            }
        }
        let config = Self::deserialize(Value::Table(table)).map_err(|why| bad(why.to_string()))?;
        let (key, files) = (&config.key, &config.files);
        for (name, seconds) in [
            ("key.cache_seconds", key.cache_seconds),
            ("key.timeout_seconds", key.timeout_seconds),
            ("files.timeout_seconds", files.timeout_seconds),
            ("files.thumbnail_seconds", files.thumbnail_seconds),
        ] {
            if seconds == 0 {
                return Err(bad(format!("{name} must not be 0")));
            }
        }
        if !config.key.rotate_days.is_valid() {
            return Err(bad("key.rotate_days: 0 days are no interval".to_owned()));
        }
        Ok(config)
    }

    /// The result as TOML, secrets hidden.
    ///
    /// # Errors
    /// When it cannot be written as TOML.
    pub fn show(&self) -> Result<String> {
        let mut shown = self.clone();
        let (key, files) = (&mut shown.key, &mut shown.files);
        let secrets = [&mut key.passphrase, &mut key.vault_token, &mut key.pin, &mut files.secret_access_key];
        let own = key.workspace.values_mut().flat_map(OwnKeySection::secrets);
        for secret in secrets.into_iter().flatten().chain(own) {
            *secret = "(hidden)".to_owned();
        }
        toml::to_string(&shown).map_err(|why| Error::internal("The configuration cannot be shown", why))
    }
}

#[cfg(test)]
mod tests;
