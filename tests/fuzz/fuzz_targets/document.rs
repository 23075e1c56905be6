//! An identity document from an unknown server: decoding and every check end without a panic, and what decodes encodes
//! to a document that decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::identity::{SignedDocument, Unverified};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = SignedDocument::decode(bytes) {
        let again = SignedDocument::decode(&signed.encode()).expect("what decoded decodes again");
        assert_eq!(again.hash(), signed.hash());
        let _ = Unverified::new(signed).verify_self(1_800_000_000);
    }
});
