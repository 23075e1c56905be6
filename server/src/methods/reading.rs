//! Reading over several pages that is one act, and leaves one entry in the audit log. With each page comes what the next is asked
//! for with; only the server can make it, so nobody reads without an entry by saying that they read on.

use crate::gate::Caller;
use crate::keyring::Keyring;
use subtle::ConstantTimeEq;
use thechatapp_protocol::Timestamp;

/// Whoever pauses for longer reads anew.
const LASTS: i64 = 60 * 60 * 1000;

/// Whose reading it is, and of what.
#[derive(Debug)]
pub(super) struct About {
    caller: Caller,
    method: &'static str,
    /// What was asked for, but for the place.
    asked: Vec<u8>,
}

/// An act of reading that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    begun: i64,
    /// What came after is not part of it.
    pub(super) until: u64,
}

impl About {
    pub(super) fn new(caller: Caller, method: &'static str, asked: Vec<u8>) -> Self {
        Self { caller, method, asked }
    }

    /// The reading that goes on at this place, where that is what it says.
    pub(super) fn goes_on(
        &self,
        keyring: &Keyring,
        place: &[u8],
        continues: Option<&str>,
        now: Timestamp,
    ) -> Option<Reading> {
        let mut parts = continues?.split('-');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let reading = Reading { begun: i64::try_from(number()?).ok()?, until: number()? };
        let lasts = (0..LASTS).contains(&now.0.saturating_sub(reading.begun));
        let same = self.next(keyring, place, reading).as_bytes().ct_eq(continues?.as_bytes());
        (lasts && bool::from(same)).then_some(reading)
    }

    /// What the page at this place is asked for with.
    pub(super) fn next(&self, keyring: &Keyring, place: &[u8], reading: Reading) -> String {
        let Reading { begun, until } = reading;
        let Caller { person, device, .. } = &self.caller;
        let mac = keyring.digest(&[
            b"reading goes on",
            person.as_bytes(),
            device.as_bytes(),
            self.method.as_bytes(),
            &self.asked,
            place,
            &begun.to_be_bytes(),
            &until.to_be_bytes(),
        ]);
        format!("{begun:x}-{until:x}-{}", data_encoding::HEXLOWER.encode(&mac))
    }
}

impl Reading {
    pub(super) fn begun(now: Timestamp, until: u64) -> Self {
        Self { begun: now.0, until }
    }
}
