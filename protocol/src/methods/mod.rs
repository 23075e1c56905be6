//! Every method, by feature.

pub mod account;
pub mod audit;
pub mod channels;
pub mod devices;
pub mod drafts;
pub mod files;
pub mod groups;
pub mod messages;
pub mod moderation;
pub mod people;
pub mod polls;
pub mod proof;
pub mod roles;
pub mod saved;
pub mod settings;
pub mod sync;

/// Calls a macro with the type of every method: one list for dispatch, the access table, and tests that cover all.
#[macro_export]
macro_rules! for_each_method {
    ($call:ident) => {
        $call! {
            $crate::methods::account::Enrol,
            $crate::methods::account::SignIn,
            $crate::methods::account::WhoAmI,
            $crate::methods::audit::ListAudit,
            $crate::methods::audit::TakeCheckpoint,
            $crate::methods::audit::ProveEntry,
            $crate::methods::audit::ExportAudit,
            $crate::methods::channels::CreateChannel,
            $crate::methods::channels::JoinChannel,
            $crate::methods::channels::LeaveChannel,
            $crate::methods::channels::AddMember,
            $crate::methods::channels::SetTopic,
            $crate::methods::channels::RenameChannel,
            $crate::methods::channels::ArchiveChannel,
            $crate::methods::channels::SetVisibility,
            $crate::methods::channels::RemoveMember,
            $crate::methods::channels::BanMember,
            $crate::methods::channels::UnbanMember,
            $crate::methods::channels::ListBans,
            $crate::methods::channels::Directory,
            $crate::methods::channels::SetChannelRole,
            $crate::methods::channels::OpenDirect,
            $crate::methods::devices::ListDevices,
            $crate::methods::devices::SignOut,
            $crate::methods::devices::RevokeDevice,
            $crate::methods::devices::RevokeDevices,
            $crate::methods::devices::DevicesOf,
            $crate::methods::devices::RevokeDeviceOf,
            $crate::methods::devices::RevokeDevicesOf,
            $crate::methods::drafts::PutDraft,
            $crate::methods::files::BeginUpload,
            $crate::methods::files::FinishUpload,
            $crate::methods::files::OpenFile,
            $crate::methods::groups::ListGroups,
            $crate::methods::groups::GroupMembers,
            $crate::methods::groups::CreateGroup,
            $crate::methods::groups::ChangeGroup,
            $crate::methods::groups::DeleteGroup,
            $crate::methods::groups::AddToGroup,
            $crate::methods::groups::RemoveFromGroup,
            $crate::methods::groups::LinkGroup,
            $crate::methods::groups::UnlinkGroup,
            $crate::methods::messages::SendMessage,
            $crate::methods::messages::EditMessage,
            $crate::methods::messages::Edits,
            $crate::methods::messages::DeleteMessage,
            $crate::methods::messages::React,
            $crate::methods::messages::Pin,
            $crate::methods::messages::Unpin,
            $crate::methods::messages::Pins,
            $crate::methods::messages::Thread,
            $crate::methods::messages::History,
            $crate::methods::messages::MarkRead,
            $crate::methods::messages::Search,
            $crate::methods::moderation::ReportMessage,
            $crate::methods::moderation::RemoveMessage,
            $crate::methods::moderation::ReportPerson,
            $crate::methods::moderation::ListReports,
            $crate::methods::moderation::CloseReport,
            $crate::methods::moderation::Block,
            $crate::methods::moderation::Blocked,
            $crate::methods::people::OwnAccount,
            $crate::methods::people::GetAccount,
            $crate::methods::people::InvitePerson,
            $crate::methods::people::Suspend,
            $crate::methods::people::Reinstate,
            $crate::methods::people::DeletePerson,
            $crate::methods::people::IssueReset,
            $crate::methods::people::RemoveTotp,
            $crate::methods::people::Unlock,
            $crate::methods::polls::CreatePoll,
            $crate::methods::polls::CastVote,
            $crate::methods::polls::ClosePoll,
            $crate::methods::proof::Confirm,
            $crate::methods::proof::ChangePassword,
            $crate::methods::proof::BeginTotp,
            $crate::methods::proof::FinishTotp,
            $crate::methods::proof::EndTotp,
            $crate::methods::roles::ListRoles,
            $crate::methods::roles::CreateRole,
            $crate::methods::roles::ChangeRole,
            $crate::methods::roles::DeleteRole,
            $crate::methods::roles::GrantRole,
            $crate::methods::roles::TakeRole,
            $crate::methods::roles::SetRank,
            $crate::methods::saved::Save,
            $crate::methods::saved::Unsave,
            $crate::methods::saved::ListSaved,
            $crate::methods::settings::ListSettings,
            $crate::methods::settings::SettingHistory,
            $crate::methods::settings::SetServer,
            $crate::methods::settings::SetAuthentication,
            $crate::methods::settings::SetPrivacy,
            $crate::methods::settings::SetWebChat,
            $crate::methods::settings::SetAnalytics,
            $crate::methods::settings::SetUpdates,
            $crate::methods::settings::SetStorage,
            $crate::methods::settings::Usage,
            $crate::methods::sync::StartSync,
        }
    };
}
