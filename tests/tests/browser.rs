//! A real browser: it signs in from a page of the server's origin, sends files and shows them, runs nothing of them, and gets
//! nothing once it has signed out.

use serde_json::{Value, json};
use std::sync::Arc;
use thechatapp_core::{Client, Unlock};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::proxy::{PAGE, Proxy};
use thechatapp_tests::server::free_port;
use thechatapp_tests::window::{Display, Window};
use thechatapp_tests::{Server, files_with};

const MARKER: &str = "marker-browser-qusivabodem";
/// One red pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// What a page of the product will do: a call, an upload, an element of which it is told whether it loads.
const TOOLS: &str = "
    window.call = async (method, params) => {
        const answer = await fetch('/w/acme/api/v1/' + method, {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(params),
        });
        return { status: answer.status, body: await answer.json() };
    };
    window.upload = async (channel, file, name, type, bytes) => {
        const files = '/w/acme/channels/' + channel + '/files', json = { 'Content-Type': 'application/json' };
        const say = JSON.stringify({ file, name, type, size: bytes.length });
        const begun = await fetch(files, { method: 'POST', headers: json, body: say });
        const half = bytes.length >> 1;
        for (const [from, to] of [[0, half], [half, bytes.length]]) {
            const headers = { 'Upload-Offset': String(from) };
            await fetch(files + '/' + file, { method: 'PATCH', headers, body: bytes.slice(from, to) });
        }
        const ended = await fetch(files + '/' + file, { method: 'POST', headers: json, body: '{}' });
        return [begun.status, ended.status];
    };
    window.loads = (element, from) => new Promise(done => {
        element.onload = () => done(element.naturalWidth ?? true);
        element.onerror = () => done(false);
        element.src = from;
        document.body.append(element);
    });
";

struct Scene {
    server: Server,
    origin: String,
    /// The same page under another name: another site.
    elsewhere: String,
    channel: String,
    _proxy: Proxy,
    _client: Client,
    _folder: tempfile::TempDir,
}

/// A server behind a proxy, as browsers find it, and an account that a device made.
async fn scene() -> Scene {
    let mut server = Server::init();
    let front = server.port;
    server.port = free_port();
    let config = server.folder.path().join("config.toml");
    let public = format!("https://127.0.0.1:{front}");
    let text = format!(
        "[server]\npublic_url = \"{public}\"\n[identity]\nallow_unbound = true\n[web]\nchat = true\n\
         [log]\nfilter = \"debug\"\n"
    );
    std::fs::write(&config, text).unwrap();
    server.config = Some(config);
    server.serve();
    let proxy = Proxy::with_page(front, server.port).await;
    let folder = tempfile::tempdir().unwrap();
    let mut platform = platform(Arc::new(Memory::default()));
    platform.extra_roots = vec![proxy.authority.clone()];
    let client = Client::open_or_create(folder.path(), Unlock::SecureStorage, platform).await.unwrap();
    let joined = client.join(server.owner_invite(), "alice", "correct horse battery", None).await.unwrap();
    client.connect(joined.id, std::time::Duration::from_secs(20)).await.unwrap();
    let channel = client.resolve_channel(joined.id, "general").await.unwrap().id.to_string();
    let elsewhere = format!("https://localhost:{front}{PAGE}");
    Scene { server, origin: public, elsewhere, channel, _proxy: proxy, _client: client, _folder: folder }
}

impl Scene {
    fn path(&self, file: &str) -> String {
        format!("/w/acme/channels/{}/files/{file}", self.channel)
    }

    fn address(&self, file: &str) -> String {
        format!("{}{}", self.origin, self.path(file))
    }

    async fn page(&self, window: &Window) {
        window.go(&format!("{}{PAGE}", self.origin)).await;
        window.run(TOOLS, Vec::new()).await;
    }

    async fn upload(&self, window: &Window, file: &str, name: &str, kind: &str, content: &str) {
        let body = "const [channel, file, name, type, content] = args;
            return upload(channel, file, name, type, Uint8Array.from(atob(content), c => c.charCodeAt(0)));";
        let content = data_encoding::BASE64.encode(content.as_bytes());
        let arguments = [self.channel.as_str(), file, name, kind, &content].map(Value::from).to_vec();
        assert_eq!(window.run(body, arguments).await, json!([200, 200]), "{name}");
    }
}

fn id(number: u8) -> String {
    format!("0193f000-0000-7000-8000-0000000000{number:02x}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_pictures_runs_nothing_of_a_file_and_gets_nothing_after_signing_out() {
    let scene = scene().await;
    let display = Display::start();
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().display().to_string();
    let env: Vec<_> = ["HOME", "TMPDIR", "XDG_DOWNLOAD_DIR"].map(|name| (name.to_owned(), own.clone())).to_vec();
    let window = Window::browser(&display, &env).await;
    scene.page(&window).await;

    let whoami = "return (await call('account.whoami', {})).status;";
    assert_eq!(window.run(whoami, Vec::new()).await, json!(401));
    let sign_in = "const { status, body } = await call('account.sign_in', { name: 'alice', password: args[0] });
        return [status, body.person?.name, document.cookie];";
    assert_eq!(window.run(sign_in, vec!["a wrong password".into()]).await, json!([403, null, ""]));
    let signed_in = window.run(sign_in, vec!["correct horse battery".into()]).await;
    assert_eq!(signed_in, json!([200, "alice", ""]), "no script sees the cookie");
    let mut cookies = window.cookies().await;
    cookies.sort();
    let [session, known] = cookies.as_slice() else { panic!("a session, and that this browser is known: {cookies:?}") };
    assert_eq!((session.0.as_str(), session.1.len()), ("__Host-thechatapp-acme", 43));
    assert_eq!((known.0.as_str(), known.1.len()), ("__Host-thechatapp-acme.known", 43));

    let [picture, drawing, page, script, text] = [1, 2, 3, 4, 5].map(id);
    let run = "try { localStorage.setItem('ran', location.href) } catch {} window.ran = true;";
    let svg =
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><script>{run}</script></svg>");
    let html = format!("<!doctype html><title>ran</title><script>{run}</script>");
    let words: String = format!("{MARKER} ").repeat(10_000);
    // The picture's bytes are no text: they go in as they are.
    let body = "const [channel, file, content] = args;
        return upload(channel, file, 'a.png', 'image/png', Uint8Array.from(atob(content), c => c.charCodeAt(0)));";
    let arguments = [scene.channel.as_str(), &picture, PNG].map(Value::from).to_vec();
    assert_eq!(window.run(body, arguments).await, json!([200, 200]));
    scene.upload(&window, &drawing, &format!("{MARKER}.svg"), "image/svg+xml", &svg).await;
    scene.upload(&window, &page, "a.html", "text/html", &html).await;
    scene.upload(&window, &script, "a.js", "text/javascript", run).await;
    scene.upload(&window, &text, "a.txt", "text/plain", &words).await;
    let send = "return (await call('messages.send', { id: args[0], channel: args[1], text: 'files', files: args[2] })).status;";
    let files = json!([picture, drawing, page, script, text]);
    assert_eq!(window.run(send, vec![id(9).into(), scene.channel.clone().into(), files]).await, json!(200));

    // In elements of an own page: the picture alone.
    let loads = "return loads(document.createElement(args[0]), args[1]);";
    let loaded =
        async |element: &str, file: &str| window.run(loads, vec![element.into(), scene.path(file).into()]).await;
    assert_eq!(loaded("img", &picture).await, json!(1));
    assert_eq!(loaded("img", &drawing).await, json!(false));
    assert_eq!(loaded("script", &script).await, json!(false));
    assert_eq!(loaded("script", &text).await, json!(false));
    for framed in [&drawing, &page] {
        loaded("iframe", framed).await;
    }
    // In a tab of their own: what is shown has its address, what is saved leaves the page as it is.
    for file in [&drawing, &page] {
        window.go(&scene.address(file)).await;
        scene.page(&window).await;
    }
    let ran = "return [window.ran ?? null, localStorage.getItem('ran')];";
    assert_eq!(window.run(ran, Vec::new()).await, json!([null, null]), "nothing ran");
    let shown = "return [document.contentType, document.images[0]?.naturalWidth ?? document.body.innerText.length]";
    for (file, wanted) in [(&text, json!(["text/plain", words.len()])), (&picture, json!(["image/png", 1]))] {
        window.go(&scene.address(file)).await;
        assert_eq!(window.address().await, scene.address(file));
        assert_eq!(window.script(shown, Vec::new()).await, wanted);
    }

    scene.page(&window).await;
    let range = "const answer = await fetch(args[0], { headers: { Range: 'bytes=27-53' } });
        return [answer.status, answer.headers.get('Content-Range'), await answer.text()];";
    let part = window.run(range, vec![scene.path(&text).into()]).await;
    assert_eq!(part, json!([206, format!("bytes 27-53/{}", words.len()), &words[27..54]]));

    // Another site gets no picture, and changes nothing.
    window.go(&scene.elsewhere).await;
    window.run(TOOLS, Vec::new()).await;
    assert_eq!(window.run(loads, vec!["img".into(), scene.address(&picture).into()]).await, json!(false));
    let sign_out = "await fetch(args[0] + '/w/acme/api/v1/devices.sign_out',
            { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' }).catch(() => {});";
    window.run(sign_out, vec![scene.origin.clone().into()]).await;
    scene.page(&window).await;
    assert_eq!(window.run(whoami, Vec::new()).await, json!(200));

    let sign_out = "return (await call('devices.sign_out', {})).status;";
    assert_eq!(window.run(sign_out, Vec::new()).await, json!(200));
    // That it is known stays: it lets nobody in, and keeps strangers from shutting its person out.
    let names: Vec<_> = window.cookies().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["__Host-thechatapp-acme.known"]);
    assert_eq!(window.run(whoami, Vec::new()).await, json!(401));
    assert_eq!(loaded("img", &picture).await, json!(false), "not even from a cache");
    window.close().await;

    let log = scene.server.log();
    assert!(log.contains("DEBUG"));
    for secret in [session.1.as_str(), known.1.as_str(), MARKER, "correct horse", "a.html"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert_eq!(files_with(&scene.server.data(), &[MARKER]), Vec::<std::path::PathBuf>::new());
}
