//! As much of a WebDriver client (W3C WebDriver, JSON over HTTP/1.1) as the demo needs to drive two windows: one
//! connection for each command, to a driver on the loopback interface. It starts no browser itself: the driver does.

#[cfg(test)]
mod tests;

use crate::process::wait_for;
use crate::step::{Failure, Result};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Under this key WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The Enter key in WebDriver's private code points.
pub const ENTER: &str = "\u{E007}";
/// Starting a session starts a program, which may take its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A window, driven. Dropping it asks the driver to close the window.
pub struct Session {
    driver: SocketAddr,
    path: String,
}

impl Session {
    /// Has the driver at a port start a program whose window is a WebKitGTK web view.
    pub fn start(port: u16, program: &Path, arguments: &[String]) -> Result<Self> {
        let driver = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let capabilities = json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": {
            "binary": program.to_string_lossy(),
            "args": arguments,
        }}}});
        wait_for("the web driver listens", PATIENCE, || Ok(TcpStream::connect(driver).ok()))?;
        let reply = call(driver, "POST", "/session", Some(&capabilities))?;
        let id = reply["sessionId"]
            .as_str()
            .ok_or_else(|| Failure::new(format!("the web driver gave no session: {reply}")))?;
        Ok(Self { driver, path: format!("/session/{id}") })
    }

    /// The first element that a CSS selector finds, waited for.
    pub fn element(&self, selector: &str, time: Duration) -> Result<String> {
        wait_for(&format!("{selector} is there"), time, || self.find(selector))
    }

    /// The first element that a CSS selector finds now.
    pub fn find(&self, selector: &str) -> Result<Option<String>> {
        let wanted = json!({"using": "css selector", "value": selector});
        match self.call("POST", "/element", Some(&wanted)) {
            Ok(found) => Ok(found[ELEMENT].as_str().map(str::to_owned)),
            Err(failure) if failure.to_string().contains("no such element") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The element that a script gives for an argument, if it gives one.
    pub fn element_by_script(&self, script: &str, argument: &str) -> Result<Option<String>> {
        let found = self.call("POST", "/execute/sync", Some(&json!({"script": script, "args": [argument]})))?;
        Ok(found[ELEMENT].as_str().map(str::to_owned))
    }

    pub fn click(&self, element: &str) -> Result {
        self.call("POST", &format!("/element/{element}/click"), Some(&json!({}))).map(|_| ())
    }

    pub fn type_into(&self, element: &str, text: &str) -> Result {
        self.call("POST", &format!("/element/{element}/value"), Some(&json!({"text": text}))).map(|_| ())
    }

    /// The text a person sees in an element, found anew: a view may replace its elements at any time.
    pub fn text(&self, selector: &str) -> Result<String> {
        let script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''";
        let body = json!({"script": script, "args": [selector]});
        let said = self.call("POST", "/execute/sync", Some(&body))?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// The window's picture, as a PNG.
    pub fn screenshot(&self) -> Result<Vec<u8>> {
        let said = self.call("GET", "/screenshot", None)?;
        let encoded = said.as_str().ok_or_else(|| Failure::new("the web driver gave no picture"))?;
        data_encoding::BASE64.decode(encoded.as_bytes()).map_err(|error| Failure::new(format!("the picture: {error}")))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        call(self.driver, method, &format!("{}{path}", self.path), body)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver may be gone already; then the window is too.
        let _ = self.call("DELETE", "", None);
    }
}

/// One command: the value of the answer, or the driver's error.
fn call(driver: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let mut stream = TcpStream::connect(driver)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {driver}\r\nContent-Type: application/json; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let answer: Value = serde_json::from_slice(&read_body(&mut BufReader::new(stream))?)?;
    let value = &answer["value"];
    match value["error"].as_str() {
        None => Ok(value.clone()),
        Some(error) => {
            Err(Failure::new(format!("{method} {path}: {error}: {}", value["message"].as_str().unwrap_or_default())))
        }
    }
}

/// The body of an HTTP answer: by its Content-Length, or up to the end of the connection.
fn read_body(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(Failure::new("the web driver closed the connection"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut body = Vec::new();
    match length {
        Some(length) => stream.take(length).read_to_end(&mut body)?,
        None => stream.read_to_end(&mut body)?,
    };
    if length.is_some_and(|length| length != body.len() as u64) {
        return Err(Failure::new("the web driver's answer was cut off"));
    }
    Ok(body)
}
