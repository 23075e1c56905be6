//! Every command the window may call is named here, and gets a permission of its own: one that is missing below cannot
//! be reached, whatever the page asks for.

fn main() {
    const COMMANDS: &[&str] = &[
        "profile_state",
        "unlock",
        "create_profile",
        "set_aside",
        "repair",
        "restore_with_code",
        "lock",
        "active",
        "lock_after",
        "set_lock_after",
        "ways",
        "make_recovery_code",
        "set_passphrase",
        "drop_way",
        "storage",
        "keep",
        "network",
        "set_network",
        "walk",
        "contact",
        "join",
        "login",
        "workspaces",
        "reconnect",
        "sign_out",
        "identity",
        "accept_identity",
        "people",
        "create_channel",
        "join_channel",
        "leave_channel",
        "set_topic",
        "open_direct",
        "send",
        "edit",
        "delete_message",
        "react",
        "retry",
        "discard",
        "mark_read",
        "draft",
        "save_draft",
        "forget_draft",
        "find",
        "save_file",
        "watch",
        "watch_next",
        "watch_turn",
        "watch_end",
        "next_events",
        "painted",
        "open_link",
    ];
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(why) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={why:#}");
        std::process::exit(1);
    }
}
