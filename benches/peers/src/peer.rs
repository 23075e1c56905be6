//! The other store, in its own process: a request is a line, the answer a number on a line.

use crate::Options;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use thechatapp_peers_shared::Took;

pub struct Peer {
    program: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub fn start(options: &Options, folder: &Path) -> Self {
        let mut program = Command::new(&options.peer)
            .args([&options.logs, folder])
            .args([options.messages.to_string(), options.channels.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| {
                panic!("{} does not start: {why}; build benches/peers/matrix", options.peer.display())
            });
        let requests = program.stdin.take().unwrap();
        let answers = BufReader::new(program.stdout.take().unwrap());
        Self { program, requests, answers }
    }

    pub fn ask(&mut self, request: &str) -> Duration {
        writeln!(self.requests, "{request}").unwrap();
        self.answer()
    }

    /// Everything into a new store.
    pub fn fill(&mut self) -> Took {
        let clock = self.ask("fill");
        Took { clock, processor: self.answer() }
    }

    fn answer(&mut self) -> Duration {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        Duration::from_secs_f64(answer.trim().parse().unwrap_or_else(|_| panic!("this is no answer: {answer}")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
