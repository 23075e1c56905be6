//! Following a conversation. What was printed is remembered in the profile, so the next `watch` goes on where this one was;
//! a message may come again after a crash, and comes again when it is changed. Losing the connection is no end; another
//! identity of the server is.

use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Message, Names, message_text};
use thechatapp_core::view::{Connection, MessageView};
use thechatapp_core::{ChannelId, ClientEvent, Error};

/// How many messages are printed before their place is remembered.
const BATCH: u32 = 200;

/// `watch [CHANNEL]`.
pub async fn watch(desk: &Desk<'_>, name: Option<&str>) -> Outcome {
    let only = match name {
        Some(name) => Some(desk.channel(name).await?.id),
        None => None,
    };
    tokio::select! {
        outcome = follow(desk, only) => outcome,
        outcome = interrupted() => outcome,
    }
}

async fn follow(desk: &Desk<'_>, only: Option<ChannelId>) -> Outcome {
    let mut names = desk.names().await?;
    let mut offline = false;
    // The first time, this is where it begins.
    let begin = desk.client.watch_cursor(desk.ws()).await?;
    desk.client.set_watch_cursor(desk.ws(), begin).await?;
    desk.client.start();
    loop {
        news(desk, only, &mut names).await?;
        for event in desk.client.next_events().await {
            // Nothing more is remembered in it.
            if let ClientEvent::Damaged { file, why } = event {
                return Err(Error::Corrupt { file, why }.into());
            }
            if matches!(event, ClientEvent::Connection { .. } | ClientEvent::Resync) {
                stand(desk, &mut offline).await?;
            }
        }
    }
}

/// Prints everything after the remembered place.
async fn news(desk: &Desk<'_>, only: Option<ChannelId>, names: &mut Names) -> Outcome {
    loop {
        let cursor = desk.client.watch_cursor(desk.ws()).await?;
        let (messages, next) = desk.client.messages_since(desk.ws(), cursor, BATCH).await?;
        for message in messages.iter().filter(|message| only.is_none_or(|only| message.channel == only)) {
            show(desk, message, names).await?;
        }
        if next > cursor {
            desk.client.set_watch_cursor(desk.ws(), next).await?;
        }
        if messages.is_empty() || next <= cursor {
            return Ok(());
        }
    }
}

async fn show(desk: &Desk<'_>, message: &MessageView, names: &mut Names) -> Outcome {
    if !names.knows(message.channel) {
        *names = desk.names().await?;
    }
    desk.output()
        .show(&Message::new(message, names), || format!("{}\n{}", names.name(message.channel), message_text(message)))
}

/// Says when the connection is lost and back; ends where it will not come back by itself.
async fn stand(desk: &Desk<'_>, offline: &mut bool) -> Outcome {
    let Ok(workspace) = desk.client.resolve_workspace(Some(&desk.ws().to_string())).await else {
        // It is not here any more; connecting says why.
        return Ok(desk.connect().await?);
    };
    match workspace.connection {
        Connection::Online if *offline => {
            *offline = false;
            desk.output().remark("connected again");
        }
        Connection::Offline { why, .. } if !*offline => {
            *offline = true;
            desk.output().remark(&format!("offline ({why}); trying again"));
        }
        // They say why, with their exit code.
        Connection::IdentityChanged | Connection::SignedOut { .. } => {
            desk.connect().await?;
        }
        Connection::Online | Connection::Offline { .. } | Connection::Connecting | Connection::Syncing => {}
    }
    Ok(())
}

/// Returns at SIGINT or SIGTERM.
async fn interrupted() -> Outcome {
    let unheard = |error: std::io::Error| Error::Internal { id: "signals".into(), why: error.to_string() };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
        tokio::select! {
            heard = tokio::signal::ctrl_c() => heard.map_err(unheard)?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(unheard)?;
    Ok(())
}
