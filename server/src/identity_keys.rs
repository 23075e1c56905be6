//! A workspace's identity: its root, its session keys, and the document that names them.
//!
//! Secrets are wrapped in the workspace's table of keys under their public keys; the documents it ever signed are kept, and
//! the newest counts. Every change makes a document of a higher epoch: new session or TLS keys pass silently, a new root is
//! endorsed by the old one, or is the successor to which the old document committed.

use crate::error::{Error, Fail, Result};
use crate::keyring::{Keyring, Purpose};
use crate::store::signed;
use crate::time::now;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use std::ops::Deref;
use std::sync::Arc;
use thechatapp_protocol::audit::checkpoint::Checkpoint;
use thechatapp_protocol::audit::tree::Head;
use thechatapp_protocol::identity::{Document, Pin, RootKey, RootPublic, SessionKey, SignedDocument, Verified};
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{PROTOCOL, WorkspaceId};
use thechatapp_seal::Key;

/// Seconds a session key is named in documents.
const SESSION_KEY_LIFE: u64 = 180 * 24 * 60 * 60;
/// Seconds before its end in which it is replaced.
const SESSION_KEY_RENEW: u64 = 60 * 24 * 60 * 60;
/// Seconds for clocks that go wrong.
const SKEW: u64 = 2 * 24 * 60 * 60;

/// The identity in force.
#[derive(Debug)]
pub struct Identity {
    face: Arc<Face>,
    root: RootKey,
}

/// What of an identity meets the network: its document, and the keys of sessions. It stays in memory while the workspace is
/// closed, so that people are told why, by the server that they know.
#[derive(Debug)]
pub struct Face {
    verified: Verified,
    /// The signed document as it is served.
    pub encoded: Bytes,
    sessions: Vec<StaticKey>,
}

impl Face {
    /// The document.
    pub fn document(&self) -> &Document {
        self.verified.document()
    }

    /// What names the document.
    pub fn hash(&self) -> &[u8; 32] {
        self.verified.hash()
    }

    /// The root's fingerprint.
    pub fn pin(&self) -> Pin {
        self.verified.pin()
    }

    /// The session keys that the document names.
    pub fn sessions(&self) -> &[StaticKey] {
        &self.sessions
    }
}

impl Deref for Identity {
    type Target = Face;

    fn deref(&self) -> &Face {
        &self.face
    }
}

/// What a change of identity is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// New session keys.
    Session,
    /// A new root, endorsed by the old one.
    Root,
}

/// The secret of a successor root, to be printed once.
#[derive(Debug)]
pub struct Successor(RootKey);

impl Successor {
    fn make() -> Result<Self> {
        Ok(Self(RootKey::random()?))
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.public().0).into()
    }

    /// The secret as text: 52 characters of base32.
    pub fn reveal(&self) -> String {
        data_encoding::BASE32_NOPAD.encode(&*self.0.to_bytes()).to_lowercase()
    }

    /// Reads what [`Self::reveal`] gave.
    ///
    /// # Errors
    /// Bad input.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::bad_input(
                "This is no successor root",
                "52 letters and digits are expected",
                "look for a typing error",
            )
        };
        let bytes = data_encoding::BASE32_NOPAD.decode(text.trim().to_uppercase().as_bytes()).map_err(|_| bad())?;
        Ok(Self(RootKey::from_bytes(bytes.try_into().map_err(|_| bad())?)))
    }
}

impl Identity {
    /// Makes the identity of a new workspace.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub fn create(
        db: &Connection,
        keyring: &Keyring,
        names: (&str, &str),
        tls_keys: Vec<[u8; 32]>,
    ) -> Result<(Self, Successor)> {
        let (workspace, name) = names;
        let successor = Successor::make()?;
        let mut generation = [0; 16];
        getrandom::fill(&mut generation).map_err(|why| Error::internal("The system gave no random bytes", why))?;
        let root = RootKey::random()?;
        let (session, named) = session_key()?;
        let document = Document {
            workspace_id: *keyring.workspace().as_bytes(),
            workspace: workspace.to_owned(),
            name: name.to_owned(),
            generation,
            epoch: now().unix_seconds(),
            previous: None,
            root: root.public().0,
            session_keys: vec![named],
            tls_keys,
            successor: Some(successor.hash()),
            protocol_min: *PROTOCOL.start(),
            protocol_max: *PROTOCOL.end(),
            allow_unbound: false,
        };
        store_root(db, keyring, &root)?;
        store_session(db, keyring, &session)?;
        let signed = root.sign_document(document)?;
        Ok((Self::keep(db, signed, root, vec![session])?, successor))
    }

    /// Opens the newest identity.
    ///
    /// # Errors
    /// Corrupt when a document or a key is missing.
    pub fn load(db: &Connection, keyring: &Keyring) -> Result<Self> {
        let encoded: Option<Vec<u8>> = db
            .query_row("SELECT encoded FROM documents ORDER BY epoch DESC LIMIT 1", [], |row| row.get(0))
            .optional()?;
        let encoded = encoded.ok_or(Fail::Broken("a workspace without an identity"))?;
        let verified = Verified::restore(&encoded)?;
        let lost = || Error::from(Fail::Broken("an identity without its secret keys"));
        let root = keyring.find(db, Purpose::Root, &verified.document().root)?.ok_or_else(lost)?;
        let mut sessions = Vec::new();
        for named in &verified.document().session_keys {
            let key = keyring.find(db, Purpose::Session, &named.public)?.ok_or_else(lost)?;
            sessions.push(StaticKey::from_bytes(key.expose()));
        }
        let encoded = served(db, &verified)?;
        let face = Face { verified, encoded, sessions };
        Ok(Self { face: Arc::new(face), root: RootKey::from_bytes(*root.expose()) })
    }

    /// What the network sees of it.
    pub fn face(&self) -> Arc<Face> {
        self.face.clone()
    }

    /// What has to follow for this host to be served as it is now; `None` when the document is right.
    ///
    /// # Errors
    /// When the database fails.
    pub fn refreshed(
        &self,
        db: &Connection,
        keyring: &Keyring,
        tls_keys: &[[u8; 32]],
        allow_unbound: bool,
    ) -> Result<Option<Self>> {
        let document = self.document();
        let soon = now().unix_seconds() + SESSION_KEY_RENEW;
        let lasting = document.session_key(now().unix_seconds()).is_some()
            && document.session_keys.iter().any(|key| key.not_after > soon);
        if lasting && document.tls_keys == tls_keys && document.allow_unbound == allow_unbound {
            return Ok(None);
        }
        let mut next = self.next();
        next.tls_keys = tls_keys.to_vec();
        next.allow_unbound = allow_unbound;
        let mut sessions = self.sessions.clone();
        if !lasting {
            sessions = vec![renew(db, keyring, &mut next)?];
        }
        let signed = self.root.sign_document(next)?;
        Ok(Some(Self::keep(db, signed, self.root.clone(), sessions)?))
    }

    /// The identity after a restore: a new generation of the same root.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub fn restored(&self, db: &Connection) -> Result<Self> {
        let mut next = self.next();
        getrandom::fill(&mut next.generation).map_err(|why| Error::internal("The system gave no random bytes", why))?;
        let signed = self.root.sign_document(next)?;
        Self::keep(db, signed, self.root.clone(), self.sessions.clone())
    }

    /// The identity after a rotation.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rotated(&self, db: &Connection, keyring: &Keyring, what: Rotation) -> Result<Self> {
        let mut next = self.next();
        match what {
            Rotation::Session => {
                let session = renew(db, keyring, &mut next)?;
                let signed = self.root.sign_document(next)?;
                Self::keep(db, signed, self.root.clone(), vec![session])
            }
            Rotation::Root => {
                let root = RootKey::random()?;
                store_root(db, keyring, &root)?;
                let signed = self.root.endorse(root.sign_document(next)?);
                Self::keep(db, signed, root, self.sessions.clone())
            }
        }
    }

    /// The identity whose root is the committed successor, and the successor to come.
    ///
    /// # Errors
    /// Bad input when it is another key than the one the document committed to.
    pub fn succeeded(&self, db: &Connection, keyring: &Keyring, successor: Successor) -> Result<(Self, Successor)> {
        if self.document().successor != Some(successor.hash()) {
            return Err(Error::bad_input(
                "This is not the successor root of this workspace",
                "its hash is not the one in the identity document",
                "use the successor that init, or the last restore, printed",
            ));
        }
        let (root, follower) = (successor.0, Successor::make()?);
        let mut next = self.next();
        next.successor = Some(follower.hash());
        let session = renew(db, keyring, &mut next)?;
        store_root(db, keyring, &root)?;
        let signed = root.sign_document(next)?;
        Ok((Self::keep(db, signed, root, vec![session])?, follower))
    }

    /// The public half of the root in force.
    pub fn root_public(&self) -> RootPublic {
        self.root.public()
    }

    /// The signed checkpoint of a state of the audit log.
    pub fn sign_checkpoint(&self, workspace: WorkspaceId, head: Head) -> String {
        Checkpoint::sign(workspace, head, &self.root)
    }

    fn next(&self) -> Document {
        let mut next = self.document().clone();
        next.epoch = now().unix_seconds().max(next.epoch + 1);
        next.previous = Some(*self.hash());
        next.protocol_min = *PROTOCOL.start();
        next.protocol_max = *PROTOCOL.end();
        next
    }

    fn keep(db: &Connection, document: SignedDocument, root: RootKey, sessions: Vec<StaticKey>) -> Result<Self> {
        let encoded = document.encode();
        let verified = Verified::restore(&encoded)?;
        db.execute(
            "INSERT INTO documents (epoch, encoded) VALUES (?1, ?2)",
            (signed(verified.document().epoch), &encoded),
        )?;
        let encoded = served(db, &verified)?;
        Ok(Self { face: Arc::new(Face { verified, encoded, sessions }), root })
    }
}

/// A document as it is served: with those in which each root so far came in, for devices that were away meanwhile.
fn served(db: &Connection, newest: &Verified) -> Result<Bytes> {
    let mut documents = db.prepare("SELECT encoded FROM documents ORDER BY epoch")?;
    let (mut chain, mut last) = (Vec::new(), None);
    for encoded in documents.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let document = Verified::restore(&encoded?)?;
        if last.replace(document.pin()).is_some_and(|pin| pin != document.pin()) {
            chain.push(document.signed().clone());
        }
    }
    Ok(newest.signed().clone().with_chain(chain).encode().into())
}

fn session_key() -> Result<(StaticKey, SessionKey)> {
    let key = StaticKey::random().map_err(|why| Error::internal("No session key could be made", why))?;
    let at = now().unix_seconds();
    let named =
        SessionKey { public: key.public(), not_before: at.saturating_sub(SKEW), not_after: at + SESSION_KEY_LIFE };
    Ok((key, named))
}

fn renew(db: &Connection, keyring: &Keyring, document: &mut Document) -> Result<StaticKey> {
    let (key, named) = session_key()?;
    store_session(db, keyring, &key)?;
    document.session_keys = vec![named];
    Ok(key)
}

fn store_root(db: &Connection, keyring: &Keyring, root: &RootKey) -> Result<()> {
    let known = keyring.find(db, Purpose::Root, &root.public().0)?;
    if known.is_none() {
        keyring.store(db, Purpose::Root, &root.public().0, &Key::from_bytes(*root.to_bytes()))?;
    }
    Ok(())
}

fn store_session(db: &Connection, keyring: &Keyring, key: &StaticKey) -> Result<()> {
    Ok(keyring.store(db, Purpose::Session, &key.public(), &Key::from_bytes(*key.expose()))?)
}
