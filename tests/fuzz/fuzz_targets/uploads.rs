//! What the server reads of an uploaded file: its type, and the headers of archives and pictures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::sync::LazyLock;
use thechatapp_protocol::FileId;
use thechatapp_protocol::event::FileRow;
use thechatapp_seal::{Context, Key, seal};
use thechatapp_server::blobs::{judge, look_at};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::random().expect("there is randomness"));

fuzz_target!(|bytes: &[u8]| {
    let context = Context::file(&[1; 16], &[2; 16]);
    let sealed = seal(&KEY, &context, bytes).expect("bytes can be sealed");
    let declared = FileRow {
        id: FileId::from_bytes([2; 16]),
        name: "file".into(),
        media_type: "application/zip".into(),
        size: bytes.len() as u64,
    };
    look_at(sealed.as_slice(), &KEY, &context, &declared).expect("it is what was declared");
    judge(Cursor::new(sealed), &KEY, &context).expect("it opens");
});
