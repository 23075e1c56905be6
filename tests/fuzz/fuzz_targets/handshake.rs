//! The first message of a stranger.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::session::{Binding, Prologue, StaticKey, respond};

fuzz_target!(|bytes: &[u8]| {
    let prologue = Prologue { protocol: 1, workspace_id: [1; 16], document_hash: [2; 32], binding: Binding::Unbound };
    let server = StaticKey::from_bytes(&[3; 32]);
    assert!(respond(&prologue, &server, bytes, 0).is_err(), "nobody guesses a handshake");
});
