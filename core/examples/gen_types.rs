//! Writes the desktop's TypeScript types from the Rust types a shell sees: `gen_types PATH`.

use std::process::ExitCode;
use thechatapp_core::{ClientEvent, ErrorReport, client, route, view};
use ts_rs::{Config, TS};

const HEADER: &str = "// What the core shows, as TypeScript. Made by `cargo xtask gen` from core/src/view.rs, event.rs and error.rs; do not edit.\n";

fn declaration<T: TS>(config: &Config) -> String {
    format!("\n{}export {}\n", T::docs().unwrap_or_default(), T::decl(config))
}

macro_rules! declarations {
    ($config:expr, $($type:ty),* $(,)?) => {
        [$(declaration::<$type>($config)),*].concat()
    };
}

fn types() -> String {
    let config = Config::new().with_large_int("number");
    let body = declarations!(
        &config,
        view::PersonView,
        view::RankView,
        view::Connection,
        view::WorkspaceView,
        view::WithinView,
        view::UpdateView,
        view::StandingView,
        view::GrantView,
        view::RoleView,
        view::GroupView,
        view::GroupMembersView,
        view::ChannelKindView,
        view::ChannelView,
        view::MessageState,
        view::ReactionView,
        view::PinView,
        view::PollOptionView,
        view::PollView,
        view::FileView,
        view::MessageView,
        view::ThreadView,
        view::SavedView,
        view::DraftStateView,
        view::DraftView,
        view::EarlierDraftView,
        view::VersionView,
        view::Window,
        view::HitView,
        view::FoundView,
        view::Difference<ts_rs::Dummy>,
        client::Changed<ts_rs::Dummy, ts_rs::Dummy>,
        client::Around,
        client::Looked,
        client::Unread,
        view::ContactView,
        view::IdentityStepView,
        view::ShownIdentityView,
        view::IdentityView,
        view::KeyState,
        view::UnsentView,
        view::WaysView,
        view::NetworkView,
        view::WaysOutView,
        view::Reason,
        route::Step,
        route::State,
        route::Hop,
        view::KeptView,
        view::LimitView,
        view::StorageView,
        view::DeviceKindView,
        view::DeviceView,
        ClientEvent,
        ErrorReport,
    );
    let lines: Vec<&str> = body.lines().map(str::trim_end).collect();
    format!("{HEADER}{}\n", lines.join("\n"))
}

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(std::path::PathBuf::from) else {
        eprintln!("usage: gen_types PATH");
        return ExitCode::from(2);
    };
    let folder = path.parent().unwrap_or(&path).to_owned();
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, types())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", path.display());
            ExitCode::FAILURE
        }
    }
}
