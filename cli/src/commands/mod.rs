//! The commands: each parses what is left, makes one call of the core, and prints what came of it.

mod account;
mod accounts;
mod audit;
mod channels;
mod devices;
mod drafts;
mod files;
mod health;
mod identity;
mod key;
mod lock;
mod messages;
mod moderation;
mod network;
mod polls;
mod rights;
mod saved;
mod search;
mod send;
mod settings;
mod storage;
mod threads;
mod watch;

pub use account::{join, login, sign_out};
pub use health::{doctor, status};
pub use key::key;
pub use lock::{lock, unlock};
pub use network::network;
pub use storage::storage;

use crate::args::{Arguments, Command};
use crate::output::Outcome;
use crate::run::Desk;
use clap::CommandFactory;
use clap_complete::Shell;

/// The commands that want an open profile and one workspace of it.
pub async fn at_desk(desk: &Desk<'_>, command: Command) -> Outcome {
    match command {
        Command::Channels { all } => channels::list(desk, all).await,
        Command::People => account::people(desk).await,
        Command::Channel { action } => channels::channel(desk, action).await,
        Command::Create { channel, private } => channels::create(desk, &channel, private).await,
        Command::JoinChannel { channel } => channels::join(desk, &channel).await,
        Command::LeaveChannel { channel } => channels::leave(desk, &channel).await,
        Command::Send { channel, text, thread, queue } => {
            send::send(desk, &channel, text, thread.as_deref(), queue).await
        }
        Command::Read { channel, number, before, thread: Some(message), .. } => {
            threads::read(desk, &channel, &message, number, before).await
        }
        Command::Read { channel, number, before, peek, .. } => {
            messages::read(desk, &channel, number, before, peek).await
        }
        Command::Watch { channel } => watch::watch(desk, channel.as_deref()).await,
        Command::Edit { channel, message, text } => messages::edit(desk, &channel, &message, &text).await,
        Command::History { channel, message } => threads::history(desk, &channel, &message).await,
        Command::Delete { channel, message } => messages::delete(desk, &channel, &message).await,
        Command::React { channel, message, emoji, off } => {
            messages::react(desk, &channel, &message, &emoji, !off).await
        }
        Command::Pin { channel, message } => threads::pin(desk, &channel, &message, true).await,
        Command::Unpin { channel, message } => threads::pin(desk, &channel, &message, false).await,
        Command::Pins { channel } => threads::pins(desk, &channel).await,
        Command::Poll(poll) => polls::poll(desk, poll).await,
        Command::Vote { channel, message, options, .. } => polls::vote(desk, &channel, &message, &options).await,
        Command::Drafts => drafts::list(desk).await,
        Command::Draft { channel, text, thread, clear } => {
            let change = match (&text, clear) {
                (Some(text), _) => drafts::Change::Type(text),
                (None, true) => drafts::Change::Clear,
                (None, false) => drafts::Change::Show,
            };
            drafts::draft(desk, &channel, thread.as_deref(), change).await
        }
        Command::Save { channel, message, note } => saved::save(desk, &channel, &message, note.as_deref()).await,
        Command::Unsave { channel, message } => saved::unsave(desk, &channel, &message).await,
        Command::Saved => saved::list(desk).await,
        Command::Upload { channel, file, text } => files::upload(desk, &channel, &file, &text).await,
        Command::Download { file, thumbnail: true, output, .. } => files::thumbnail(desk, &file, &output).await,
        Command::Download { file, range, output, .. } => files::download(desk, &file, range.as_deref(), &output).await,
        Command::Search(query) => search::search(desk, query).await,
        Command::Identity { action } => identity::identity(desk, action).await,
        Command::Audit(action) => audit::audit(desk, action).await,
        Command::Report { action } => moderation::report(desk, action).await,
        Command::Block { person, off } => moderation::block(desk, person.as_deref(), !off).await,
        Command::Settings { action } => settings::settings(desk, action).await,
        Command::Whoami => account::whoami(desk),
        Command::Role { action } => rights::role(desk, action).await,
        Command::Group { action } => rights::group(desk, action).await,
        Command::Moderator { action } => rights::moderator(desk, action).await,
        Command::Devices(devices) => devices::devices(desk, devices).await,
        Command::Account(command) => accounts::account(desk, command).await,
        // They open the profile themselves, or need none.
        Command::Join(_)
        | Command::Login(_)
        | Command::Storage(_)
        | Command::Lock { .. }
        | Command::Unlock
        | Command::Key { .. }
        | Command::Network { .. }
        | Command::Status
        | Command::Doctor { .. }
        | Command::SignOut { .. }
        | Command::Completions { .. } => Ok(()),
    }
}

/// `completions SHELL`.
pub fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "thechatapp-cli", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(())
}
