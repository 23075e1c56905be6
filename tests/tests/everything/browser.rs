//! What somebody does in a browser, where the server seals what comes and opens what goes.

use super::{PATIENCE, Run, new_message, random};
use std::time::Duration;
use thechatapp_protocol::{ChannelId, FileId};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::Tab;
use thechatapp_tests::wire;

impl Run {
    /// What somebody does in a browser.
    pub async fn in_a_browser(&mut self, general: ChannelId) {
        let person = self.markers.text("carol's name", "Carolvexku Qolumifrisk");
        RawClient::join(&self.server, &self.server.invite(), &person).await;
        let (file, files) =
            (FileId::from_parts(wire::millis(), &random()), format!("/w/acme/channels/{general}/files"));
        let content = picture();
        self.markers.text("a picture's comment", "VexkuCommentQolumi");
        let (name, text) = (format!("{}.png", self.word("carol's file")), self.word("carol's text"));
        let tab = Tab::sign_in(&self.server, &person).await;
        self.markers.text("a cookie", tab.cookie.split_once('=').unwrap().1);
        let whole = format!("{files}/{file}");
        let new = serde_json::json!({
            "file": file, "name": name, "type": "image/png", "size": content.len()
        });
        let said = serde_json::json!({
            "id": new_message(), "channel": general, "text": text, "files": [file], "thread": null
        });
        for (method, path, more, body) in [
            ("POST", files.as_str(), "", new.to_string().as_bytes()),
            ("PATCH", &whole, "Upload-Offset: 0\r\n", &content),
            ("POST", &whole, "", b""),
            ("POST", "/w/acme/api/v1/messages.send", "", said.to_string().as_bytes()),
            ("GET", &whole, "", b""),
        ] {
            let (head, _) = tab.call(method, path, more, body).await;
            assert!(head.starts_with("HTTP/1.1 20"), "{method} {path}: {head}");
        }
        // Its thumbnail follows, drawn by another process.
        let thumbnail = format!("{whole}/thumb");
        tokio::time::timeout(PATIENCE, async {
            while !tab.call("GET", &thumbnail, "", b"").await.0.starts_with("HTTP/1.1 200") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("a picture gets a thumbnail");
    }
}

/// A picture of four red dots, with a comment.
fn picture() -> Vec<u8> {
    data_encoding::BASE64
        .decode(b"iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAGnRFWHRDb21tZW50AFZleGt1Q29tbWVudFFvbHVtaY/ETk8AAAAQSURBVHicY/jPwABEDBAKAB/uA/2LXxTUAAAAAElFTkSuQmCC")
        .unwrap()
}
