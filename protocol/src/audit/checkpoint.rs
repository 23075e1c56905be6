//! Checkpoints of the log: C2SP `tlog-checkpoint` inside C2SP `signed-note`, signed with plain Ed25519, so that any witness that
//! knows these formats can keep and check them.
//!
//! A note is a text, an empty line, and lines of signatures. The text of a checkpoint begins with the workspace's id, which no
//! identity document and no endorsement begins with: a signature over one is never one over another.

use super::tree::{Hash, Head};
use crate::id::WorkspaceId;
use crate::identity::{RootKey, RootPublic};
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

/// Longest note, in bytes.
pub const NOTE_MAX: usize = 16 * 1024;
/// Most signatures of one note.
const SIGNATURES_MAX: usize = 100;
/// What begins a signature's line: an em dash and a space.
const DASH: &str = "\u{2014} ";
/// Ed25519 among the kinds of signatures.
const ED25519: u8 = 1;

/// Why a checkpoint was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is no note, or no checkpoint.
    #[error("this is no checkpoint: {0}")]
    Malformed(&'static str),
    /// Another log's.
    #[error("the checkpoint is another log's")]
    OtherLog,
    /// None of the signatures is by the key that was asked for.
    #[error("the checkpoint is not signed by this workspace's identity root")]
    NotSigned,
    /// A signature that says it is by that key, and is not.
    #[error("the checkpoint's signature is wrong")]
    Signature,
}

/// What a log is called.
pub fn origin(workspace: WorkspaceId) -> String {
    format!("{workspace}/audit")
}

/// A note that was read; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with the line end at its end.
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    key: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_MAX {
            return Err(NoteError::Malformed("it is too long"));
        }
        if note.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(NoteError::Malformed("it has control characters"));
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed("it has no signatures"))?;
        let lines = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("its last line does not end"))?;
        let signatures: Vec<_> = lines.split('\n').map(signature).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text, when this key signed it under this name.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::Signature`].
    pub fn open(&self, name: &str, root: &RootPublic) -> Result<&str, NoteError> {
        let key = key_id(name, root);
        let own = self.signatures.iter().find(|signature| signature.name == name && signature.key == key);
        let signature = own.ok_or(NoteError::NotSigned)?;
        let bytes: &[u8; 64] = signature.bytes.as_slice().try_into().map_err(|_| NoteError::Signature)?;
        root.verify_note(&self.text, bytes).map_err(|_| NoteError::Signature)?;
        Ok(&self.text)
    }
}

/// The notes of a text that holds one after the other, an empty line between them, as a witness's file does. One that was
/// broken off is an error in its place, and what follows it is read all the same.
pub fn notes(text: &str) -> impl Iterator<Item = Result<&str, NoteError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('\n');
        if rest.is_empty() {
            return None;
        }
        // What is signed has no empty line in a checkpoint: the first one ends it, and the second one its signatures.
        let body = rest.find("\n\n").map_or(rest.len(), |at| at + 2);
        let (_, after) = rest.split_at_checked(body)?;
        if !after.starts_with(DASH) {
            rest = after;
            return Some(Err(NoteError::Malformed("it was broken off")));
        }
        let end = after.find("\n\n").map_or(rest.len(), |at| body + at + 1);
        let (note, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(Note::parse(note).map(|_| note))
    })
}

fn signature(line: &str) -> Result<NoteSignature, NoteError> {
    let malformed = NoteError::Malformed("a signature's line is not as it must be");
    let (name, encoded) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(malformed)?;
    if !is_name(name) {
        return Err(malformed);
    }
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| malformed)?;
    match bytes.split_first_chunk::<4>() {
        Some((key, bytes)) if !bytes.is_empty() => {
            Ok(NoteSignature { name: name.to_owned(), key: *key, bytes: bytes.to_owned() })
        }
        _ => Err(malformed),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace())
}

/// What says in a signature's line which key it is by.
fn key_id(name: &str, root: &RootPublic) -> [u8; 4] {
    let hash: [u8; 32] =
        Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(root.0).finalize().into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

/// What witnesses are given to know the key by: `name+id+key`.
pub fn verifier_key(name: &str, root: &RootPublic) -> String {
    let mut key = vec![ED25519];
    key.extend(root.0);
    format!("{name}+{}+{}", data_encoding::HEXLOWER.encode(&key_id(name, root)), BASE64.encode(&key))
}

/// A signed note of this text under this name.
fn sign(text: &str, name: &str, root: &RootKey) -> String {
    let signed = [&key_id(name, &root.public()), root.sign_note(text).as_slice()].concat();
    format!("{text}\n{DASH}{name} {}\n", BASE64.encode(&signed))
}

/// The state of a log: its size and its root, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// The tree.
    pub head: Head,
}

impl Checkpoint {
    /// Reads the text of a note. Lines after the third are left to whoever knows them.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Malformed("its text does not end"))?.split('\n');
        let (origin, size, root) = match (lines.next(), lines.next(), lines.next()) {
            (Some(origin), Some(size), Some(root)) if !origin.is_empty() => (origin, size, root),
            _ => return Err(NoteError::Malformed("it has fewer than three lines")),
        };
        if lines.any(str::is_empty) {
            return Err(NoteError::Malformed("it has an empty line"));
        }
        let digits = size.bytes().all(|c| c.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| digits).ok_or(NoteError::Malformed("its size is no number"))?;
        let root = Hash::parse(root).ok_or(NoteError::Malformed("its root is no hash"))?;
        Ok(Self { origin: origin.to_owned(), head: Head { size, root } })
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, self.head.root)
    }

    /// The checkpoint of a workspace's log, signed: a note.
    pub fn sign(workspace: WorkspaceId, head: Head, root: &RootKey) -> String {
        let checkpoint = Self { origin: origin(workspace), head };
        sign(&checkpoint.text(), &checkpoint.origin, root)
    }

    /// Whether a note says that it is of a workspace's log; nothing is verified.
    pub fn is_of(note: &str, workspace: WorkspaceId) -> bool {
        note.split('\n').next() == Some(&origin(workspace))
    }

    /// What a note says of a workspace's log, when its root signed it.
    ///
    /// # Errors
    /// Any of [`NoteError`].
    pub fn open(note: &str, workspace: WorkspaceId, root: &RootPublic) -> Result<Head, NoteError> {
        let name = origin(workspace);
        let note = Note::parse(note)?;
        if Self::parse(&note.text)?.origin != name {
            return Err(NoteError::OtherLog);
        }
        Ok(Self::parse(note.open(&name, root)?)?.head)
    }
}

#[cfg(test)]
mod tests;
