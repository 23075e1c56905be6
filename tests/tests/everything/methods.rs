//! What the programs have no command for, or do of themselves: methods asked for directly; and who may do what.

use super::{Run, new_channel, new_message, random};
use thechatapp_core::Whom;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::{PROOF_HEADER, TOKEN_HEADER, file_path};
use thechatapp_protocol::methods::account::*;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::drafts::{PutDraft, PutDraftParams};
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::{ChannelId, FileId};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

impl Run {
    /// Every other method, asked for directly; and what is none of ours.
    pub async fn of_somebody(&mut self, general: ChannelId) {
        let (invite, name) = (self.server.invite(), self.markers.text("eve's name", "Evevexku Qolumisnel"));
        let mut eve = RawClient::join(&self.server, &invite, &name).await;
        let me = eve.call::<WhoAmI>(&Nothing {}).await.unwrap();
        let board = new_channel();
        let kind = ChannelKind::Private;
        let create = CreateChannelParams { id: board, name: self.word("eve's channel"), kind };
        eve.call::<CreateChannel>(&create).await.unwrap();
        let page = HistoryParams { channel: general, before: None, after: None, limit: 100 };
        let page = eve.call::<History>(&page).await.unwrap();
        let other = page.messages.iter().map(|message| message.author).find(|author| *author != me.person.id).unwrap();
        eve.call::<AddMember>(&AddMemberParams { channel: board, person: other }).await.unwrap();
        eve.call::<RemoveMember>(&RemoveMemberParams { channel: board, person: other }).await.unwrap();
        for kind in [ChannelKind::Public, ChannelKind::Private] {
            eve.call::<SetVisibility>(&SetVisibilityParams { channel: board, kind }).await.unwrap();
        }
        eve.call::<BanMember>(&BanParams { channel: board, person: other }).await.unwrap();
        eve.call::<ListBans>(&InChannel { channel: board }).await.unwrap();
        eve.call::<UnbanMember>(&BanParams { channel: board, person: other }).await.unwrap();
        eve.call::<AddMember>(&AddMemberParams { channel: board, person: other }).await.unwrap();
        eve.call::<OpenDirect>(&OpenDirectParams { people: vec![other] }).await.unwrap();
        eve.call::<SetTopic>(&SetTopicParams { channel: board, topic: self.word("eve's topic") }).await.unwrap();
        let (id, key) = (new_message(), thechatapp_seal::Key::random().unwrap());
        let send =
            |id, text| SendMessageParams { id, channel: board, text, files: Vec::new(), thread: None, after: None };
        let text = self.word("eve's text");
        eve.call::<SendMessage>(&send(id, text)).await.unwrap();
        let edit = EditMessageParams { channel: board, id, text: self.word("eve's edit") };
        eve.call::<EditMessage>(&edit).await.unwrap();
        eve.call::<Edits>(&EditsParams { channel: board, id, from: 0 }).await.unwrap();
        let one = OneMessage { channel: board, id };
        eve.call::<React>(&ReactParams { channel: board, id, emoji: "👍".into(), on: true }).await.unwrap();
        eve.call::<Pin>(&one).await.unwrap();
        eve.call::<Pins>(&PinsParams { channel: board, after: 0 }).await.unwrap();
        eve.call::<Unpin>(&one).await.unwrap();
        eve.call::<Thread>(&ThreadParams { channel: board, id, before: None, after: None, limit: 10 }).await.unwrap();
        eve.call::<MarkRead>(&MarkReadParams { channel: board, seq: 1 }).await.unwrap();
        let text = self.word("eve's draft");
        let put = PutDraftParams { channel: board, thread: Some(id), text, base: 0, token: 1 };
        eve.call::<PutDraft>(&put).await.unwrap();
        eve.call::<Search>(&SearchParams { words: self.word("eve's search"), ..Default::default() }).await.unwrap();
        eve.call::<Save>(&SaveParams { channel: board, id, note: Some(self.word("eve's note")) }).await.unwrap();
        eve.call::<ListSaved>(&ListSavedParams { before: None, limit: 10 }).await.unwrap();
        eve.call::<Unsave>(&one).await.unwrap();
        let (poll, options) = (new_message(), vec![self.word("eve's option"), "b".to_owned()]);
        let question = self.word("eve's question");
        let ask = CreatePollParams { id: poll, channel: board, question, options, multiple: false };
        eve.call::<CreatePoll>(&ask).await.unwrap();
        eve.call::<CastVote>(&CastVoteParams { channel: board, id: poll, choices: vec![0] }).await.unwrap();
        eve.call::<ClosePoll>(&OneMessage { channel: board, id: poll }).await.unwrap();

        // A file of hers, under a token whose requests nobody has signed.
        let (file, media_type) = (FileId::from_parts(wire::millis(), &random()), "text/plain".to_owned());
        let begin = BeginUploadParams {
            file,
            channel: board,
            name: format!("{}.txt", self.word("eve's file")),
            media_type,
            size: 5,
        };
        let grant = eve.call::<BeginUpload>(&begin).await.unwrap();
        self.markers.bytes("a token", &grant.token.token);
        self.markers.bytes("a file's key", key.expose());
        let token = data_encoding::BASE64URL_NOPAD.encode(&grant.token.token);
        for proof in [&token, "", "no proof at all"] {
            let mut stream = wire::tls(self.server.port).await;
            let head = format!(
                "PATCH {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{TOKEN_HEADER}: {token}\r\n{PROOF_HEADER}: {proof}\r\nContent-Length: 0\r\n\r\n",
                file_path("acme", file)
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
        }
        let finish = FinishUploadParams { channel: board, file, key: FileKey(key.expose().to_vec()) };
        eve.call::<FinishUpload>(&finish).await.unwrap_err();
        eve.call::<OpenFile>(&OpenFileParams { channel: board, file, part: false }).await.unwrap_err();
        // Refusals carry words that come back to their author alone.
        eve.call::<CreateChannel>(&CreateChannelParams {
            id: new_channel(),
            name: self.word("a refused / name"),
            kind,
        })
        .await
        .unwrap_err();
        eve.call::<SetTopic>(&SetTopicParams { channel: new_channel(), topic: self.word("a refused topic") })
            .await
            .unwrap_err();
        eve.call::<DeleteMessage>(&one).await.unwrap();
        eve.call::<ListDevices>(&Nothing {}).await.unwrap();
        eve.call::<JoinChannel>(&InChannel { channel: general }).await.unwrap();
        eve.call::<LeaveChannel>(&InChannel { channel: general }).await.unwrap();
        eve.call::<SignOut>(&Nothing {}).await.unwrap();
        // Words in addresses and heads, by somebody who knows no better.
        for path in [format!("/join/{}", self.word("a path")), format!("/identity?pin={}", self.word("a query"))] {
            wire::get(self.server.port, &path).await;
        }
    }

    /// What alice, who owns the workspace, does about who may do what.
    pub async fn of_an_owner(&mut self, general: ChannelId) {
        let (alice, ws) = self.alice.take().unwrap();
        let bob = self.markers.text("bob's name", "Bobvexku Qolumitrud");
        let whom = Whom::Person(bob.clone());
        let role = self.word("role");
        alice.create_role(ws, &role, &["audit".to_owned()]).await.unwrap();
        let renamed = self.word("renamed role");
        alice.change_role(ws, &role, Some(&renamed), Some(&["analytics".to_owned()])).await.unwrap();
        let (slug, name) = (self.word("slug").to_lowercase(), self.word("group"));
        let inner = self.word("inner slug").to_lowercase();
        alice.create_group(ws, &slug, &name, "public").await.unwrap();
        alice.create_group(ws, &inner, &name, "hidden").await.unwrap();
        let later = self.word("later group");
        alice.change_group(ws, &slug, None, Some(&later), Some("private")).await.unwrap();
        alice.set_in_group(ws, &slug, &Whom::Group(inner.clone()), false, true).await.unwrap();
        alice.set_in_group(ws, &inner, &whom, false, true).await.unwrap();
        alice.set_in_group(ws, &slug, &whom, true, true).await.unwrap();
        assert_eq!(alice.group_members(ws, &slug).await.unwrap().people, std::slice::from_ref(&bob));
        alice.grant_role(ws, &renamed, &Whom::Group(slug.clone()), Some(&slug), true).await.unwrap();
        alice.grant_role(ws, &renamed, &whom, None, true).await.unwrap();
        assert_eq!(alice.roles(ws).await.unwrap()[0].grants.len(), 2);
        alice.grant_role(ws, &renamed, &whom, None, false).await.unwrap();
        let mine = alice.create_channel(ws, &self.word("linked channel"), true).await.unwrap().id;
        alice.link_group(ws, &slug, mine, true).await.unwrap();
        alice.link_group(ws, &slug, mine, false).await.unwrap();
        alice.set_moderator(ws, general, &bob, true).await.unwrap();
        alice.set_rank(ws, &bob, "guest").await.unwrap();
        alice.set_rank(ws, &bob, "member").await.unwrap();
        alice.set_in_group(ws, &inner, &whom, false, false).await.unwrap();
        alice.delete_group(ws, &inner).await.unwrap();
        let gone = self.word("deleted role");
        alice.create_role(ws, &gone, &[]).await.unwrap();
        alice.delete_role(ws, &gone).await.unwrap();
        self.alice = Some((alice, ws));
    }
}
