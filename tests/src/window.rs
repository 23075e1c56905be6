//! Real windows: the desktop program, or a browser, on a display that nobody sees, driven over WebDriver as a person would
//! use it.

use crate::bin;
use crate::server::{free_port, signal};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A first start makes fonts' caches and shader caches, and the machine may be busy.
const START: Duration = Duration::from_secs(90);
/// For whatever a window does by itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// The Enter key in WebDriver's private code points.
pub const ENTER: &str = "\u{E007}";
/// The Escape key.
pub const ESCAPE: &str = "\u{E00C}";
const ARROW_UP: &str = "\u{E013}";

/// A screen that nobody sees.
pub struct Display {
    name: String,
    server: Child,
    /// Where the X server keeps what is on the screen.
    frame: tempfile::TempDir,
}

impl Display {
    pub fn start() -> Self {
        let frame = tempfile::tempdir().unwrap();
        let mut command = Command::new("Xvfb");
        command.arg("-fbdir").arg(frame.path());
        // It picks a free number and writes it to the file descriptor it is given: its standard output.
        command.args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]);
        let mut server =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb gives its number");
        Self { name: format!(":{}", number.trim()), server, frame }
    }

    /// What is on the screen now, in the format of xwd.
    fn screen(&self) -> PathBuf {
        self.frame.path().join("Xvfb_screen0")
    }

    /// Presses Escape, for whatever has the keyboard.
    pub fn press_escape(&self) {
        on_screen(&self.name, "escape", &[]);
    }

    /// As the variable `DISPLAY` names it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// Does to a screen what a person can: presses Escape, or the button that closes the windows of some processes.
fn on_screen(display: &str, what: &str, processes: &[u32]) {
    const HAND: &str = include_str!("hand.py");
    let processes = processes.iter().map(u32::to_string);
    assert!(Command::new("python3").args(["-c", HAND, display, what]).args(processes).status().unwrap().success());
}

/// A window of the desktop program, or of a browser.
pub struct Window {
    client: Client,
    driver: Child,
    display: String,
    screen: PathBuf,
}

impl Window {
    /// Starts the program with these arguments and variables, and waits for its page.
    pub async fn open(display: &Display, arguments: &[String], env: &[(String, String)]) -> Self {
        let options = json!({ "binary": bin("thechatapp-desktop"), "args": arguments });
        let window = Self::drive(display, json!({ "webkitgtk:browserOptions": options }), env).await;
        window.wait_for("main:not(:has([data-testid=opening]))", START).await;
        window
    }

    /// Starts the system's WebKit as a browser, which takes any certificate and keeps nothing.
    pub async fn browser(display: &Display, env: &[(String, String)]) -> Self {
        Self::drive(display, json!({ "acceptInsecureCerts": true }), env).await
    }

    async fn drive(display: &Display, capabilities: Value, env: &[(String, String)]) -> Self {
        let port = free_port();
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stderr(Stdio::null());
        // The driver hands its environment to the window. Tauri lets itself be driven only when asked to.
        command.env("TAURI_AUTOMATION", "true").env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.env("DISPLAY", display.name()).env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY");
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").env("NO_AT_BRIDGE", "1");
        let driver = command.envs(env.iter().cloned()).spawn().expect("WebKitWebDriver starts");

        let Value::Object(capabilities) = capabilities else { panic!("capabilities have names") };
        let address = format!("http://127.0.0.1:{port}");
        let begun = Instant::now();
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&address).await {
                Ok(client) => break client,
                // The driver takes a moment to listen.
                Err(why) => assert!(begun.elapsed() < START, "the window does not open: {why}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Self { client, driver, display: display.name.clone(), screen: display.screen() }
    }

    /// Goes to an address, as typed. What is saved and not shown is no error: the page stays.
    pub async fn go(&self, address: &str) {
        let _ = self.client.goto(address).await;
    }

    /// The address of what is shown.
    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// The cookies of the page, those included that no script sees: names and values.
    pub async fn cookies(&self) -> Vec<(String, String)> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        cookies.iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect()
    }

    /// Runs the body of an async function in the page, and gives what it returns.
    pub async fn run(&self, body: &str, arguments: Vec<Value>) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async (...args) => {{ {body} }})(...arguments).then(done, why => done({{ failed: String(why) }}));"
        );
        self.client.execute_async(&script, arguments).await.unwrap()
    }

    /// The first element that a CSS selector finds, waited for.
    pub async fn element(&self, css: &str) -> Element {
        self.wait_for(css, PATIENCE).await
    }

    async fn wait_for(&self, css: &str, time: Duration) -> Element {
        match self.client.wait().at_most(time).for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(why) => panic!("{css}: {why}; the window shows:\n{}", self.text("body").await),
        }
    }

    pub async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    /// Types into a field that is empty.
    pub async fn fill(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.unwrap();
    }

    /// Presses a key in an element.
    pub async fn press(&self, css: &str, keys: &str) {
        self.fill(css, keys).await;
    }

    /// Waits until the element of this test id has the focus.
    pub async fn focused(&self, id: &str) {
        let begun = Instant::now();
        loop {
            let has = self.script("return document.activeElement.dataset.testid || ''", Vec::new()).await;
            if has == json!(id) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{id} should have the focus, {has} has it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Writes a message in the channel that is open.
    pub async fn say(&self, words: &str) {
        let composer = self.element("[data-testid=composer]").await;
        composer.click().await.unwrap();
        composer.send_keys(&format!("{words}{ENTER}")).await.unwrap();
    }

    /// What is shown has nothing of this kind.
    pub async fn offers_no(&self, css: &str) {
        let count = self.script("return document.querySelectorAll(arguments[0]).length", vec![css.into()]).await;
        assert_eq!(count, json!(0), "{css}; the window shows:\n{}", self.text("body").await);
    }

    /// Goes to a channel in the sidebar.
    pub async fn enter(&self, channel: &str) {
        self.click(&format!("[data-testid='channel-{channel}']")).await;
        self.element("[data-testid=message]").await;
    }

    /// The text a person sees in the first element of a selector, found anew: a view may replace its elements.
    pub async fn text(&self, css: &str) -> String {
        let script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''";
        let text = self.script(script, vec![css.into()]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_default()
    }

    /// Waits until an element's text contains these words.
    pub async fn shows(&self, css: &str, words: &str) {
        self.until(css, &format!("shows \"{words}\""), |text| text.contains(words)).await;
    }

    /// Waits until an element's text no longer contains these words.
    pub async fn hides(&self, css: &str, words: &str) {
        self.until(css, &format!("no longer shows \"{words}\""), |text| !text.contains(words)).await;
    }

    async fn until(&self, css: &str, what: &str, good: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            if good(&self.text(css).await) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                panic!("waited in vain until {css} {what}; the window shows:\n{}", self.text("body").await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives the last message of one's own another text: arrow up in an empty composer.
    pub async fn edit_last(&self, words: &str) {
        let composer = self.element("[data-testid=composer]").await;
        composer.send_keys(ARROW_UP).await.unwrap();
        self.shows("main", "Editing").await;
        composer.clear().await.unwrap();
        composer.send_keys(&format!("{words}{ENTER}")).await.unwrap();
    }

    /// What a script in the page returns, as a number.
    pub async fn number(&self, script: &str) -> f64 {
        self.script(script, Vec::new()).await.as_f64().unwrap_or(f64::NAN)
    }

    /// Waits until a script in the page returns true.
    pub async fn until_true(&self, script: &str) {
        let begun = Instant::now();
        while self.script(script, Vec::new()).await != json!(true) {
            assert!(begun.elapsed() < PATIENCE, "{script}; the window shows:\n{}", self.text("body").await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Deletes the last message, which is one's own, and says yes.
    pub async fn delete_last(&self) {
        const LAST: &str = "[data-testid=message]:last-of-type";
        self.click(LAST).await;
        self.click(&format!("{LAST} [data-testid=delete]")).await;
        self.click(&format!("{LAST} [role=alertdialog] button")).await;
    }

    /// Waits until nothing that is shown waits for the server.
    pub async fn until_sent(&self) {
        let begun = Instant::now();
        let pending = "return document.querySelectorAll('[data-state=pending]').length";
        while self.script(pending, Vec::new()).await != json!(0) {
            assert!(begun.elapsed() < PATIENCE, "a message is still waiting");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the screen of a state of the key.
    pub async fn key_state(&self, state: &str) {
        self.element(&format!("[data-key-state={state}]")).await;
        self.keep_picture(&format!("key-{state}"));
    }

    /// Asks the window to try again, and waits for the screen of this state.
    pub async fn try_again(&self, state: &str) {
        self.click("[data-testid=try-again]").await;
        self.key_state(state).await;
    }

    /// Its picture, as a PNG. After it the web driver may take no more commands of its window but to close it.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    /// Keeps the screen where `THECHATAPP_PICTURES` says, for people to look at (`convert name.xwd name.png`).
    pub fn keep_picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("THECHATAPP_PICTURES").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).unwrap();
        // What the page shows by now may not be painted yet.
        std::thread::sleep(Duration::from_millis(500));
        std::fs::copy(&self.screen, folder.join(format!("{name}.xwd"))).unwrap();
    }

    /// Closes it as a person does, by the button of its frame, and waits until the program has ended.
    pub async fn close(mut self) {
        on_screen(&self.display, "close", &below(self.driver.id()));
        let begun = Instant::now();
        while !below(self.driver.id()).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the window was closed, and its program goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        end(&mut self.driver);
    }

    /// The process of the desktop program.
    pub fn process(&self) -> u32 {
        let is_ours = |pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.ends_with("thechatapp-desktop"))
        };
        below(self.driver.id()).into_iter().find(is_ours).expect("the window's process")
    }

    /// Ends the program as a system does that shuts down (SIGTERM), and waits until it has ended.
    pub async fn terminate(mut self) {
        signal(self.process(), "TERM");
        let begun = Instant::now();
        while !below(self.driver.id()).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the program was told to end, and goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        end(&mut self.driver);
    }

    /// SIGKILL to the program and to what belongs to it.
    pub fn kill(mut self) {
        end(&mut self.driver);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        end(&mut self.driver);
    }
}

/// Ends a process and all below it, by their ids.
fn end(process: &mut Child) {
    if matches!(process.try_wait(), Ok(None)) {
        for pid in below(process.id()) {
            // It may have ended meanwhile.
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = process.kill();
    }
    let _ = process.wait();
}

/// The processes below this one.
pub fn below(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may hold anything; what follows it does not.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}
