//! What waits is changed and given up.

use super::*;
use thechatapp_protocol::methods::messages::{EditMessageParams, OneMessage};

/// A server whose messages can be edited and deleted, which keeps every request.
#[derive(Default)]
struct Board {
    texts: Mutex<BTreeMap<MessageId, Option<String>>>,
    first: Mutex<BTreeMap<MessageId, String>>,
    asked: Mutex<Vec<String>>,
}

impl Board {
    fn answer(&self, name: &str, params: &[u8]) -> Result<Vec<u8>> {
        let row = |id, text: Option<&str>| MessageRow {
            deleted: text.is_none(),
            ..MessageRow::plain(CHANNEL, 1, id, account().person, Timestamp(1), text.unwrap_or_default(), 200)
        };
        let mut texts = self.texts.lock().unwrap();
        let asked = |what: String| self.asked.lock().unwrap().push(what);
        match name {
            "messages.send" => {
                let asked_for: SendMessageParams = wire::decode(params).unwrap();
                asked(format!("send {}", asked_for.text));
                let first =
                    self.first.lock().unwrap().entry(asked_for.id).or_insert_with(|| asked_for.text.clone()).clone();
                if first != asked_for.text {
                    return Err(refuse(Code::Conflict));
                }
                texts.entry(asked_for.id).or_insert(Some(asked_for.text));
                Ok(wire::encode(&Sent { seq: 1, at: Timestamp(1), change: 100 }).unwrap())
            }
            "messages.edit" => {
                let edit: EditMessageParams = wire::decode(params).unwrap();
                asked(format!("edit {}", edit.text));
                texts.insert(edit.id, Some(edit.text.clone()));
                Ok(wire::encode(&row(edit.id, Some(&edit.text))).unwrap())
            }
            "messages.delete" => {
                let one: OneMessage = wire::decode(params).unwrap();
                asked("delete".into());
                let there = texts.get_mut(&one.id).ok_or_else(|| refuse(Code::NotFound))?;
                *there = None;
                Ok(wire::encode(&row(one.id, None)).unwrap())
            }
            other => panic!("{other}"),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn session(self: &Arc<Self>) -> Option<Fake> {
        let board = Arc::clone(self);
        Some(Fake(Arc::new(move |name, params| board.answer(name, params))))
    }

    /// Takes the request, and its answer gets lost with the session.
    fn deaf(self: &Arc<Self>) -> Option<Fake> {
        let board = Arc::clone(self);
        Some(Fake(Arc::new(move |name, params| {
            let _ = board.answer(name, params);
            Err(Error::Offline { why: "cut off".into() })
        })))
    }
}

async fn until_settled(workspace: &Workspace) {
    let mut changes = workspace.changes();
    let settled = async {
        while !workspace.local.is_settled(workspace.id).await.unwrap() {
            let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.unwrap();
}

/// Waits until the board was asked so often.
async fn until_asked(board: &Board, times: usize) {
    let asked = async {
        while board.asked().len() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
}

async fn change(workspace: &Workspace, message: &Waiting, text: &str) -> Waiting {
    workspace.local.change_waiting(message.id, text.into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_never_left_is_sent_as_it_is_now_or_not_at_all() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let (sessions, orders) = sender(workspace);
    let (first, second) = (queue(workspace, 1, "a frist try").await, queue(workspace, 2, "never mind").await);
    for message in [&first, &second] {
        orders.send(outbox::Order::Send(message.clone())).unwrap();
    }
    orders.send(outbox::Order::Change(change(workspace, &first, "a first try").await.id)).unwrap();
    let gone = workspace.local.withdraw(second.id).await.unwrap().unwrap();
    orders.send(outbox::Order::Change(gone.id)).unwrap();
    let board = Arc::new(Board::default());
    sessions.send_replace(board.session());
    until_settled(workspace).await;
    assert_eq!(board.asked(), ["send a first try"]);
    assert_eq!(shown(workspace).await, ["a first try"]);
}

#[tokio::test]
async fn what_arrived_unnoticed_is_edited_there() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let message = queue(workspace, 1, "before").await;
    let (sessions, orders) = sender(workspace);
    let board = Arc::new(Board::default());
    sessions.send_replace(board.deaf());
    until_asked(&board, 1).await;
    orders.send(outbox::Order::Change(change(workspace, &message, "after").await.id)).unwrap();
    sessions.send_replace(board.session());
    until_settled(workspace).await;
    assert_eq!(board.asked(), ["send before", "send after", "edit after"]);
    assert_eq!(shown(workspace).await, ["after"]);
}

#[tokio::test]
async fn what_is_given_up_after_it_arrived_unnoticed_is_deleted_there() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let message = queue(workspace, 1, "said too much").await;
    let (sessions, orders) = sender(workspace);
    let board = Arc::new(Board::default());
    sessions.send_replace(board.deaf());
    until_asked(&board, 1).await;
    let gone = workspace.local.withdraw(message.id).await.unwrap().unwrap();
    orders.send(outbox::Order::Change(gone.id)).unwrap();
    assert!(workspace.local.outbox_of(workspace.id, CHANNEL).unwrap().is_empty(), "nobody is shown it");
    sessions.send_replace(board.session());
    until_settled(workspace).await;
    assert_eq!(board.asked(), ["send said too much", "delete"]);
    assert_eq!(board.texts.lock().unwrap()[&message.id], None);
}

#[tokio::test]
async fn after_a_restart_what_was_given_up_is_asked_for_and_found_nowhere() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let message = queue(workspace, 1, "never mind").await;
    workspace.local.withdraw(message.id).await.unwrap().unwrap();
    let (sessions, _orders) = sender(workspace);
    let board = Arc::new(Board::default());
    sessions.send_replace(board.session());
    until_settled(workspace).await;
    assert_eq!(board.asked(), ["delete"]);
}

#[tokio::test]
async fn a_refused_message_is_changed_and_goes_out() {
    let place = place().await;
    let running = place.workspace().await;
    let workspace = &running.workspace;
    let message = queue(workspace, 1, "bad").await;
    let (sessions, orders) = sender(workspace);
    let board = Arc::new(Board::default());
    let answers = Arc::clone(&board);
    sessions.send_replace(Some(Fake(Arc::new(move |name, params| {
        let asked: SendMessageParams = wire::decode(params).unwrap();
        if asked.text == "bad" { Err(refuse(Code::Denied)) } else { answers.answer(name, params) }
    }))));
    until_settled(workspace).await;
    assert!(workspace.local.waiting(message.id).await.unwrap().unwrap().failure.is_some());
    orders.send(outbox::Order::Change(change(workspace, &message, "better").await.id)).unwrap();
    until_settled(workspace).await;
    assert_eq!(board.asked(), ["send better"]);
}
