//! Sending. Each message is safe in this device's outbox before anything else happens; the answer comes after the server's
//! durable acknowledgement, or at once with `--queue`. Lines of standard input go out as they come, many under way at a
//! time, and are answered in their order.

use super::messages::named;
use crate::output::{Failure, Outcome};
use crate::run::Desk;
use crate::shape::{Message, Names, message_text};
use std::io::BufRead;
use thechatapp_core::view::{ChannelView, MessageState, MessageView};
use thechatapp_core::{Error, MessageId};
use tokio::sync::mpsc;

/// Lines read, and messages under way, at a time.
const UNDER_WAY: usize = 256;

/// `send CHANNEL TEXT|-`.
pub async fn send(desk: &Desk<'_>, name: &str, text: String, thread: Option<&str>, queue: bool) -> Outcome {
    let channel = desk.channel(name).await?;
    let thread = match thread {
        Some(message) => Some(named(desk, &channel, message).await?),
        None => None,
    };
    let names = desk.names().await?;
    let (written, messages) = mpsc::channel(UNDER_WAY);
    let mut answers = Answers { desk, names, queue, broken: None, refused: None, waiting: 0 };
    let writing = async {
        if text == "-" {
            let mut lines = standard_input();
            while let Some(line) = lines.recv().await {
                let line = line?;
                if !line.trim().is_empty() {
                    write(desk, &channel, &line, thread, &written).await?;
                }
            }
        } else {
            write(desk, &channel, &text, thread, &written).await?;
        }
        drop(written);
        Outcome::Ok(())
    };
    // What was written before a fault is answered first.
    let (writing, answering) = tokio::join!(writing, answers.take(messages));
    answering?;
    writing?;
    answers.end()
}

/// Prints a message that waits to be sent once it is acknowledged.
pub async fn acknowledged(desk: &Desk<'_>, message: MessageView) -> Outcome {
    let names = desk.names().await?;
    let mut answers = Answers { desk, names, queue: false, broken: None, refused: None, waiting: 0 };
    let (to, messages) = mpsc::channel(1);
    to.send(message).await.map_err(|_| Failure::Deaf)?;
    drop(to);
    answers.take(messages).await?;
    answers.end()
}

async fn write(
    desk: &Desk<'_>,
    channel: &ChannelView,
    text: &str,
    thread: Option<MessageId>,
    to: &mpsc::Sender<MessageView>,
) -> Outcome {
    let message = desk.client.send(desk.ws(), channel.id, text, thread).await?;
    // Closed only when the output is gone; the message goes out at the next connection then.
    to.send(message).await.map_err(|_| Failure::Deaf)
}

/// The lines of standard input, read on a thread of their own.
fn standard_input() -> mpsc::Receiver<Result<String, Error>> {
    let (to, lines) = mpsc::channel(UNDER_WAY);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Error::bad_input("standard input cannot be read", error.to_string()));
            let broken = line.is_err();
            if to.blocking_send(line).is_err() || broken {
                break;
            }
        }
    });
    lines
}

/// Waits for acknowledgements and prints them.
struct Answers<'a> {
    desk: &'a Desk<'a>,
    names: Names,
    queue: bool,
    /// Why nothing is acknowledged any more.
    broken: Option<Error>,
    /// Why the first message was refused.
    refused: Option<String>,
    waiting: u64,
}

impl Answers<'_> {
    async fn take(&mut self, mut messages: mpsc::Receiver<MessageView>) -> Outcome {
        let turning = self.desk.place.progress("sending");
        let mut connected = self.queue;
        while let Some(message) = messages.recv().await {
            if !connected {
                connected = true;
                self.broken = self.desk.insist().await.err();
            }
            let message = self.answer(message).await?;
            turning
                .0
                .suspend(|| self.desk.output().show(&Message::new(&message, &self.names), || message_text(&message)))?;
        }
        Ok(())
    }

    /// The message after its acknowledgement, or as it is where none can be had.
    async fn answer(&mut self, message: MessageView) -> Outcome<MessageView> {
        if self.queue {
            return Ok(message);
        }
        if self.broken.is_some() {
            self.waiting += 1;
            return Ok(message);
        }
        let client = &self.desk.client;
        match client.wait_sent(self.desk.ws(), message.id, self.desk.place.timeout).await {
            Ok(answered) => {
                match answered.state {
                    MessageState::Sent => {}
                    MessageState::Pending => {
                        self.broken = Some(Error::Offline { why: "no acknowledgement in time".into() });
                        self.waiting += 1;
                    }
                    MessageState::Failed => {
                        let why = answered.failure.clone().unwrap_or_default();
                        self.refused.get_or_insert(why);
                        // Whoever called has the text and hears of it; it is not kept for another try.
                        client.discard(self.desk.ws(), answered.id).await?;
                    }
                }
                Ok(answered)
            }
            Err(error) => {
                self.broken = Some(error);
                self.waiting += 1;
                Ok(message)
            }
        }
    }

    fn end(self) -> Outcome {
        let Self { broken, refused, waiting, .. } = self;
        match (broken, refused) {
            (Some(Error::Offline { why }), _) => {
                let rest = match waiting {
                    0 | 1 => "the message is queued on this device and is sent at the next connection".to_owned(),
                    n => format!("{n} messages are queued on this device and are sent at the next connection"),
                };
                Err(Error::Offline { why: format!("{why}; {rest}") }.into())
            }
            (Some(error), _) => Err(error.into()),
            (None, Some(why)) => Err(Failure::Refused(why)),
            (None, None) => Ok(()),
        }
    }
}
