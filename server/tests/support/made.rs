//! Messages and names that tests make up, and what they said.

use std::time::{SystemTime, UNIX_EPOCH};
use thechatapp_protocol::methods::messages::SendMessageParams;
use thechatapp_protocol::{ChannelId, MessageId, Row};

/// A message that says this, and nothing else.
pub fn message(channel: ChannelId, text: &str) -> SendMessageParams {
    SendMessageParams { id: message_id(), channel, text: text.into(), files: Vec::new(), thread: None, after: None }
}

pub fn texts(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Message(message) => Some(message.text.clone()),
            _ => None,
        })
        .collect()
}

pub fn message_id() -> MessageId {
    MessageId::from_parts(millis(), &random())
}

pub fn channel_id() -> ChannelId {
    ChannelId::from_parts(millis(), &random())
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

pub fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}
