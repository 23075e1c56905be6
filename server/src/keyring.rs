//! The keys of one open workspace: each random, each wrapped under the workspace key in the table `keys`, each in memory
//! only while the workspace is open.
//!
//! What is sealed names its place (workspace, table, column, row, revision), so that a value moved elsewhere does not open.
//! What a channel's key seals is stored beside the epoch of that key; how keys change is in `keyring/rotate.rs`.

mod places;
mod rotate;

pub use places::{BodyPlace, FieldPlace, RecordPlace};
pub(crate) use rotate::{delete_before, delete_channel};

use crate::error::Fail;
use crate::store::{signed, unsigned};
use hmac::{Hmac, Mac, digest::KeyInit};
use rusqlite::{Connection, OptionalExtension};
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, FileId, WorkspaceId};
use thechatapp_seal::{Context, Key, open, seal, unwrap, wrap};
use zeroize::Zeroizing;

/// What a wrapped key in the table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A channel's messages and topic.
    Channel,
    /// A session key of the server, named by its public key.
    Session,
    /// An identity root, named by its public key.
    Root,
    /// Hashes of names.
    Names,
    /// Digests of requests.
    Digests,
    /// Tokens of the search index.
    Search,
    /// What belongs to the workspace and to no channel: the audit log, settings, secrets of accounts, names of roles and groups.
    Records,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Session => "session",
            Self::Root => "root",
            Self::Names => "names",
            Self::Digests => "digests",
            Self::Search => "search",
            Self::Records => "records",
        }
    }
}

/// Keys of one workspace.
pub struct Keyring {
    workspace: WorkspaceId,
    tops: RwLock<Tops>,
    names: Key,
    digests: Key,
    search: Key,
    records: Key,
    channels: RwLock<Channels>,
}

/// The workspace key, and the one before or after it while readers may meet names sealed under either.
struct Tops {
    current: Key,
    other: Option<Key>,
    retired: Option<Instant>,
}

/// The keys of channels. All channels are of the same newest epoch; older ones open what was not sealed anew yet.
#[derive(Default)]
struct Channels {
    epoch: u64,
    keys: HashMap<ChannelId, Vec<(u64, Key)>>,
    retired: Option<Instant>,
}

/// What a channel's key sealed, and of which epoch that key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The epoch.
    pub epoch: u64,
    /// What is stored.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.workspace)
    }
}

impl Keyring {
    /// Makes the keys of a new workspace.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub fn create(db: &Connection, workspace: WorkspaceId, top: &Key) -> Result<(), Fail> {
        for purpose in [Purpose::Names, Purpose::Digests, Purpose::Search, Purpose::Records] {
            store(db, top, purpose, workspace.as_bytes(), 0, &Key::random()?)?;
        }
        Ok(())
    }

    /// Opens all keys of a workspace.
    ///
    /// # Errors
    /// [`Fail::Seal`] when they were wrapped by another key.
    pub fn load(db: &Connection, workspace: WorkspaceId, top: Key) -> Result<Self, Fail> {
        let missing = Fail::Broken("a workspace without its keys");
        let one = |purpose| find(db, &top, purpose, workspace.as_bytes());
        let names = one(Purpose::Names)?;
        let digests = one(Purpose::Digests)?;
        let search = one(Purpose::Search)?;
        let (Some(names), Some(digests), Some(search)) = (names, digests, search) else { return Err(missing) };
        let records = match one(Purpose::Records)? {
            Some(key) => key,
            // A workspace of a release that had none yet.
            None => {
                let key = Key::random()?;
                store(db, &top, Purpose::Records, workspace.as_bytes(), 0, &key)?;
                key
            }
        };
        let mut channels = Channels::default();
        let mut rows = db.prepare("SELECT id, epoch, wrapped FROM keys WHERE what = 'channel' ORDER BY epoch")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let id: [u8; 16] = row.get(0)?;
            let wrapped: Vec<u8> = row.get(2)?;
            let epoch = unsigned(row.get(1)?);
            let key = unwrap(&top, Purpose::Channel.name(), &id, epoch, &wrapped)?;
            channels.keys.entry(ChannelId::from_bytes(id)).or_default().push((epoch, key));
            channels.epoch = epoch;
        }
        let tops = RwLock::new(Tops { current: top, other: None, retired: None });
        Ok(Self { workspace, tops, names, digests, search, records, channels: RwLock::new(channels) })
    }

    /// Whose keys these are.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The workspace key itself: for a backup, which seals it.
    pub(crate) fn top(&self) -> Key {
        self.tops.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Whether this is the workspace key, or was until a moment ago.
    pub fn is_under(&self, top: &Key) -> bool {
        let tops = self.tops.read().unwrap_or_else(PoisonError::into_inner);
        tops.current == *top || tops.other.as_ref() == Some(top)
    }

    /// Stores one more key, wrapped.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub fn store(&self, db: &Connection, purpose: Purpose, id: &[u8], key: &Key) -> Result<(), Fail> {
        store(db, &self.top(), purpose, id, 0, key)
    }

    /// A stored key.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was wrapped by another key.
    pub fn find(&self, db: &Connection, purpose: Purpose, id: &[u8]) -> Result<Option<Key>, Fail> {
        find(db, &self.top(), purpose, id)
    }

    /// Whether a wrapped key opens, whatever it is for.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it does not.
    pub fn opens(&self, what: &str, id: &[u8], epoch: u64, wrapped: &[u8]) -> Result<(), Fail> {
        unwrap(&self.top(), what, id, epoch, wrapped)?;
        Ok(())
    }

    /// Makes the key of a new channel.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub fn add_channel(&self, db: &Connection, id: ChannelId) -> Result<(), Fail> {
        let (key, epoch) = (Key::random()?, self.channel_epoch());
        store(db, &self.top(), Purpose::Channel, id.as_bytes(), epoch, &key)?;
        // A job that is undone leaves it behind here, and nothing refers to it.
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        channels.keys.insert(id, vec![(epoch, key)]);
        Ok(())
    }

    /// The newest epoch of channels' keys: what is sealed now is sealed under it.
    pub fn channel_epoch(&self) -> u64 {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).epoch
    }

    fn newest(&self, id: ChannelId) -> Result<(u64, Key), Fail> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        let keys = channels.keys.get(&id).ok_or_else(|| Fail::not_found("No such channel"))?;
        keys.last().cloned().ok_or(Fail::Broken("a channel without a key"))
    }

    fn of_epoch(&self, id: ChannelId, epoch: u64) -> Result<Key, Fail> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        let keys = channels.keys.get(&id).ok_or_else(|| Fail::not_found("No such channel"))?;
        let found = keys.iter().rev().find(|(of, _)| *of == epoch).map(|(_, key)| key.clone());
        found.ok_or(Fail::Broken("something sealed under a key that is gone"))
    }

    fn seal_for(&self, channel: ChannelId, context: &Context, bytes: &[u8]) -> Result<Sealed, Fail> {
        let (epoch, key) = self.newest(channel)?;
        Ok(Sealed { epoch, bytes: seal(&key, context, bytes)? })
    }

    /// The keyed hash by which a folded name is unique; `kind` keeps people's apart from others.
    pub fn name_hash(&self, kind: &str, folded: &str) -> [u8; 32] {
        mac(&self.names, &[kind.as_bytes(), folded.as_bytes()])
    }

    /// The keyed digest of a request.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.digests, parts)
    }

    /// What stands for a value in the search index: 64 bits of a keyed hash; `kind` keeps words apart from what else is
    /// looked for.
    pub fn token(&self, kind: &str, value: &[u8]) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = mac(&self.search, &[kind.as_bytes(), value]);
        [a, b, c, d, e, f, g, h]
    }

    /// Seals a message's text.
    ///
    /// # Errors
    /// Not found for a channel that does not exist.
    pub fn seal_body(&self, place: &BodyPlace, text: &str) -> Result<Sealed, Fail> {
        self.seal_for(place.channel, &self.body_context(place), text.as_bytes())
    }

    /// Seals a text before anybody has looked whether its author may write there. For a channel that does not exist this takes as
    /// long: what comes of it is of an epoch that never is, which [`crate::store::messages::send`] would seal anew, and nobody has its key.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn seal_body_ahead(&self, place: &BodyPlace, text: &str) -> Result<Sealed, Fail> {
        let (epoch, key) = match self.newest(place.channel) {
            Ok(newest) => newest,
            Err(none) if none.is_not_found() => (u64::MAX, Key::random()?),
            Err(why) => return Err(why),
        };
        Ok(Sealed { epoch, bytes: seal(&key, &self.body_context(place), text.as_bytes())? })
    }

    /// Opens a message's text.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_body(&self, place: &BodyPlace, epoch: u64, sealed: &[u8]) -> Result<String, Fail> {
        text(open(&self.of_epoch(place.channel, epoch)?, &self.body_context(place), sealed)?)
    }

    /// Seals a text that belongs to a message.
    ///
    /// # Errors
    /// Not found for a channel that does not exist.
    pub fn seal_field(&self, place: &FieldPlace, text: &str) -> Result<Sealed, Fail> {
        self.seal_for(place.channel, &self.field_context(place), text.as_bytes())
    }

    /// Opens a text that belongs to a message.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_field(&self, place: &FieldPlace, epoch: u64, sealed: &[u8]) -> Result<String, Fail> {
        text(open(&self.of_epoch(place.channel, epoch)?, &self.field_context(place), sealed)?)
    }

    /// Seals a channel's topic.
    ///
    /// # Errors
    /// Not found for a channel that does not exist.
    pub fn seal_topic(&self, channel: ChannelId, revision: u64, topic: &str) -> Result<Sealed, Fail> {
        self.seal_for(channel, &self.context("channels", "topic", channel.as_bytes(), revision), topic.as_bytes())
    }

    /// Opens a channel's topic.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_topic(&self, channel: ChannelId, revision: u64, epoch: u64, sealed: &[u8]) -> Result<String, Fail> {
        let context = self.context("channels", "topic", channel.as_bytes(), revision);
        text(open(&self.of_epoch(channel, epoch)?, &context, sealed)?)
    }

    /// Seals what is shown of a file: its name and its type.
    ///
    /// # Errors
    /// Not found for a channel that does not exist.
    pub fn seal_file_info(&self, channel: ChannelId, file: FileId, info: &[u8]) -> Result<Sealed, Fail> {
        self.seal_for(channel, &self.context("files", "info", file.as_bytes(), 0), info)
    }

    /// Opens what is shown of a file.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_file_info(
        &self,
        channel: ChannelId,
        file: FileId,
        epoch: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Fail> {
        let context = self.context("files", "info", file.as_bytes(), 0);
        Ok(open(&self.of_epoch(channel, epoch)?, &context, sealed)?)
    }

    /// Wraps a file's key under its channel's.
    ///
    /// # Errors
    /// Not found for a channel that does not exist.
    pub fn wrap_file_key(&self, channel: ChannelId, file: FileId, key: &Key) -> Result<Sealed, Fail> {
        let (epoch, of_channel) = self.newest(channel)?;
        Ok(Sealed { epoch, bytes: wrap(&of_channel, "file", file.as_bytes(), epoch, key)? })
    }

    /// A file's key.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was wrapped for another file or channel.
    pub fn unwrap_file_key(&self, channel: ChannelId, file: FileId, epoch: u64, wrapped: &[u8]) -> Result<Key, Fail> {
        Ok(unwrap(&self.of_epoch(channel, epoch)?, "file", file.as_bytes(), epoch, wrapped)?)
    }

    /// Seals a person's name.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn seal_name(&self, person: AccountId, revision: u64, name: &str) -> Result<Vec<u8>, Fail> {
        self.seal_name_under(&self.top(), person, revision, name)
    }

    fn seal_name_under(&self, top: &Key, person: AccountId, revision: u64, name: &str) -> Result<Vec<u8>, Fail> {
        Ok(seal(top, &self.context("people", "name", person.as_bytes(), revision), name.as_bytes())?)
    }

    /// Opens a person's name.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_name(&self, person: AccountId, revision: u64, sealed: &[u8]) -> Result<String, Fail> {
        self.open_under_top(&self.context("people", "name", person.as_bytes(), revision), sealed)
    }

    /// Seals a device's name.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn seal_device(&self, device: DeviceId, name: &str) -> Result<Vec<u8>, Fail> {
        self.seal_device_under(&self.top(), device, name)
    }

    fn seal_device_under(&self, top: &Key, device: DeviceId, name: &str) -> Result<Vec<u8>, Fail> {
        Ok(seal(top, &self.context("devices", "name", device.as_bytes(), 0), name.as_bytes())?)
    }

    /// Opens a device's name.
    ///
    /// # Errors
    /// [`Fail::Seal`] when it was altered or moved.
    pub fn open_device(&self, device: DeviceId, sealed: &[u8]) -> Result<String, Fail> {
        self.open_under_top(&self.context("devices", "name", device.as_bytes(), 0), sealed)
    }

    /// Seals a value that belongs to the workspace and to no channel.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn seal_record(&self, place: &RecordPlace<'_>, value: &[u8]) -> Result<Vec<u8>, Fail> {
        Ok(seal(&self.records, &self.context(place.table, place.column, place.row, place.revision), value)?)
    }

    /// Opens what [`Self::seal_record`] sealed for the same place.
    ///
    /// # Errors
    /// [`Fail::Seal`] for what was changed, or stands elsewhere.
    pub fn open_record(&self, place: &RecordPlace<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fail> {
        Ok(open(&self.records, &self.context(place.table, place.column, place.row, place.revision), sealed)?)
    }

    /// A reader may see rows of just before a change of the workspace key, or of just after.
    fn open_under_top(&self, context: &Context, sealed: &[u8]) -> Result<String, Fail> {
        let tops = self.tops.read().unwrap_or_else(PoisonError::into_inner);
        text(match (open(&tops.current, context, sealed), &tops.other) {
            (Err(thechatapp_seal::Error::WrongKey), Some(other)) => open(other, context, sealed)?,
            (opened, _) => opened?,
        })
    }

    fn context(&self, table: &str, column: &str, row: &[u8], revision: u64) -> Context {
        Context::field(self.workspace.as_bytes(), table, column, row, revision)
    }

    fn field_context(&self, place: &FieldPlace) -> Context {
        let mut row = [0; 24];
        for (to, from) in row.iter_mut().zip(place.place.to_be_bytes().iter().chain(&place.part)) {
            *to = *from;
        }
        self.context(place.table, place.column, &row, place.revision)
    }

    fn body_context(&self, place: &BodyPlace) -> Context {
        let mut row = [0; 48];
        for (to, from) in
            row.chunks_exact_mut(16).zip([place.channel.as_bytes(), place.author.as_bytes(), place.id.as_bytes()])
        {
            to.copy_from_slice(from);
        }
        self.context("messages", "body", &row, place.revision)
    }
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<String, Fail> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Fail::Broken("a sealed text that is no text"))
}

fn store(db: &Connection, top: &Key, purpose: Purpose, id: &[u8], epoch: u64, key: &Key) -> Result<(), Fail> {
    let wrapped = wrap(top, purpose.name(), id, epoch, key)?;
    db.prepare_cached("INSERT INTO keys (what, id, epoch, wrapped) VALUES (?1, ?2, ?3, ?4)")?.execute((
        purpose.name(),
        id,
        signed(epoch),
        wrapped,
    ))?;
    Ok(())
}

fn find(db: &Connection, top: &Key, purpose: Purpose, id: &[u8]) -> Result<Option<Key>, Fail> {
    let found: Option<(i64, Vec<u8>)> = db
        .prepare_cached("SELECT epoch, wrapped FROM keys WHERE what = ?1 AND id = ?2 ORDER BY epoch DESC LIMIT 1")?
        .query_row((purpose.name(), id), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((epoch, wrapped)) = found else { return Ok(None) };
    Ok(Some(unwrap(top, purpose.name(), id, unsigned(epoch), &wrapped)?))
}

/// HMAC-SHA-256 (RFC 2104) over parts, each preceded by its length.
pub(crate) fn mac(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC pads its key with zeros to a whole block (RFC 2104, section 2); done here, the length is right by its type.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.expose()) {
        *to = *from;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
