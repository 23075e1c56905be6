//! Checkpoints of the audit log and proofs about it, as a server or a witness's file may hold them: notes are read without a
//! panic, what is read of a file of notes is a note, and no proof that was made up is believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::WorkspaceId;
use thechatapp_protocol::audit::checkpoint::{Checkpoint, Note, notes};
use thechatapp_protocol::audit::tree::{Hash, Head, extends, includes};
use thechatapp_protocol::identity::RootKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        for note in notes(text).flatten() {
            Note::parse(note).expect("what was split off is a note");
        }
        let _ = Checkpoint::parse(text);
        let root = RootKey::from_bytes([1; 32]).public();
        // A signature under a key that signed nothing.
        assert!(Checkpoint::open(text, WorkspaceId::from_bytes([7; 16]), &root).is_err());
    }
    let Some((sizes, rest)) = bytes.split_first_chunk::<16>() else { return };
    let (old, new) = sizes.split_at(8);
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight of them"));
    let (old, new) = (number(old), number(new));
    let proof: Vec<Hash> = rest.chunks_exact(32).filter_map(Hash::from_slice).collect();
    let [one, other] = [Hash([1; 32]), Hash([2; 32])];
    // Roots that nothing hashes to.
    assert!(!includes(one, old, new, &proof, other));
    assert!(!extends(Head { size: old, root: one }, Head { size: new, root: other }, &proof));
});
