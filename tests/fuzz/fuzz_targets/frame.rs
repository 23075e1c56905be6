//! What arrives inside an established session: plaintext frames in any order, as a hostile but authenticated peer sends
//! them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::session::frame::Reassembly;

fuzz_target!(|frames: Vec<Vec<u8>>| {
    let mut reassembly = Reassembly::default();
    for frame in &frames {
        if reassembly.accept(frame).is_err() {
            return;
        }
    }
});
