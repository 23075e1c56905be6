//! The demo without a display: both windows under Xvfb, each driven through a WebKitWebDriver of its own. Each person says
//! something, the other has to see it; then a picture of each window is kept.

use super::stage::{CHANNEL, Person, Stage, free_address};
use crate::places::Places;
use crate::process::{Running, wait_for};
use crate::step::{Failure, Result};
use crate::webdriver::{ENTER, Session};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A first start makes fonts' caches and shader caches.
const START: Duration = Duration::from_secs(90);
/// For a message from one window to the other, on a busy machine.
const ARRIVE: Duration = Duration::from_secs(30);

const COMPOSER: &str = "[data-testid=composer]";
const TIMELINE: &str = "[data-testid=timeline]";

/// The channel's entry in the sidebar, by its name as a person reads it.
const CHANNEL_LINK: &str = "const named = entry => entry.innerText.trim().replace(/^#\\s*/, '').split(/\\s/)[0] === arguments[0]; \
     return [...document.querySelectorAll('nav a, nav button, [role=option], [role=treeitem]')].find(named) ?? null";

/// Who says what, in turn: the place in `Stage::people`, and the words.
const WORDS: &[(usize, &str)] = &[
    (0, "Inês, the release notes are in. Can you read them once more before we tag?"),
    (1, "Reading now. The upgrade section is much clearer than last time."),
    (0, "Good. I tag at four, then."),
    (1, "Four is fine. I will watch the servers."),
];

pub fn talk(places: &Places, stage: &Stage, out: &Path) -> Result {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("--headless needs Xvfb and WebKitGTK's web driver, so Linux"));
    }
    let display = Display::start()?;
    let mut windows = Vec::new();
    for person in &stage.people {
        windows.push(Window::open(places, &display, person)?);
    }
    for window in &windows {
        window.enter_channel()?;
    }
    for (who, words) in WORDS {
        let Some(window) = windows.get(*who) else { continue };
        let start = Instant::now();
        window.say(words)?;
        for window in &windows {
            window.wait_for(words)?;
        }
        println!("{}: {words}  (seen by both after {} ms)", window.person.name, start.elapsed().as_millis());
    }
    fs::create_dir_all(out)?;
    for window in &windows {
        for (_, words) in WORDS {
            window.wait_for(words)?;
        }
        let file = out.join(format!("{}.png", window.person.id));
        fs::write(&file, window.session.screenshot()?)?;
        println!("{}", file.display());
    }
    Ok(())
}

/// One person's window and what drives it. Fields end in this order: window, then driver.
struct Window<'a> {
    person: &'a Person,
    session: Session,
    _driver: Running,
}

impl<'a> Window<'a> {
    fn open(places: &Places, display: &Display, person: &'a Person) -> Result<Self> {
        let address = free_address()?;
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| Failure::new("no free port"))?;
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null());
        // The driver hands its environment to the window. Tauri lets itself be driven only when asked to.
        command.env("TAURI_AUTOMATION", "true").env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.env("DISPLAY", &display.name).env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY");
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").env("NO_AT_BRIDGE", "1");
        let driver = Running::start("WebKitWebDriver", &mut command)?;
        let session = Session::start(port, &places.binary("thechatapp-desktop"), &person.window_arguments())?;
        let window = Self { person, session, _driver: driver };
        window.session.element(COMPOSER, START).map_err(|failure| window.explain(&failure))?;
        println!("{}'s window is open", person.name);
        Ok(window)
    }

    /// The window opens in the channel it was last in; a new one may open in another.
    fn enter_channel(&self) -> Result {
        let link = wait_for(&format!("{}'s window lists #{CHANNEL}", self.person.name), ARRIVE, || {
            self.session.element_by_script(CHANNEL_LINK, CHANNEL)
        })
        .map_err(|failure| self.explain(&failure))?;
        self.session.click(&link)?;
        wait_for(&format!("{} sees #{CHANNEL}", self.person.name), ARRIVE, || {
            Ok((!self.session.text(TIMELINE)?.trim().is_empty()).then_some(()))
        })
    }

    fn say(&self, words: &str) -> Result {
        let composer = self.session.element(COMPOSER, ARRIVE)?;
        self.session.click(&composer)?;
        self.session.type_into(&composer, &format!("{words}{ENTER}"))
    }

    fn wait_for(&self, words: &str) -> Result {
        wait_for(&format!("{} sees \"{words}\"", self.person.name), ARRIVE, || {
            Ok(self.session.text(TIMELINE)?.contains(words).then_some(()))
        })
        .map_err(|failure| self.explain(&failure))
    }

    /// A failure, with what the window shows instead.
    fn explain(&self, failure: &Failure) -> Failure {
        let shown = self.session.text("body").unwrap_or_default();
        Failure::new(format!("{failure}; {}'s window shows:\n{shown}", self.person.name))
    }
}

/// A screen that nobody sees.
struct Display {
    name: String,
    _xvfb: Running,
}

impl Display {
    fn start() -> Result<Self> {
        let mut command = Command::new("Xvfb");
        // It picks a free number and writes it to the file descriptor it is given: its standard output.
        command.args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut xvfb = Running::start("Xvfb", &mut command)?;
        let mut number = String::new();
        if let Some(said) = xvfb.child().stdout.take() {
            BufReader::new(said).read_line(&mut number)?;
        }
        let number = number.trim();
        if number.is_empty() {
            return Err(Failure::new("Xvfb does not start"));
        }
        Ok(Self { name: format!(":{number}"), _xvfb: xvfb })
    }
}
