//! Invites and addresses as people paste them: what parses prints to something that parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::identity::{Address, Invite};

fuzz_target!(|text: &str| {
    if let Ok(invite) = text.parse::<Invite>() {
        assert_eq!(
            invite.to_string().parse::<Invite>().expect("an invite prints to an invite").to_string(),
            invite.to_string()
        );
    }
    let _ = text.parse::<Address>();
});
