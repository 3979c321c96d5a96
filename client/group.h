// What the command table calls: one function a command that its row does not describe wholly.
//
// Each returns an enum exit_class after printing its data on standard output, and anything else on
// standard error.
#pragma once

#include <protobuf-c/protobuf-c.h>

struct session;

int connection_create_run(struct session *session);
int connection_test_run(struct session *session);
int connection_regions_run(struct session *session);
int connection_update_run(struct session *session);
int connection_pause_run(struct session *session);
int connection_resume_run(struct session *session);
int connection_disconnect_run(struct session *session);
int connection_rotate_run(struct session *session);
int connection_delete_run(struct session *session);

int setup_run(struct session *session);
int config_schedule_show_run(struct session *session);
int config_schedule_set_run(struct session *session);

int setup_status_run(struct session *session);

int company_push_run(struct session *session);
int company_delete_run(struct session *session);

int company_set_push_run(struct session *session);
int company_set_delete_run(struct session *session);

int organization_refresh_run(struct session *session);
int map_set_run(struct session *session);
int map_swap_run(struct session *session);
int map_clear_run(struct session *session);
int map_ignore_run(struct session *session);
int map_unignore_run(struct session *session);
int map_acknowledge_run(struct session *session);
int map_quick_match_run(struct session *session);

int config_documentation_set_run(struct session *session);
int config_passwords_set_run(struct session *session);
int config_type_enable_run(struct session *session);
int config_type_disable_run(struct session *session);
int config_types_refresh_run(struct session *session);
int config_access_set_run(struct session *session);
int config_access_set_many_run(struct session *session);
int config_hidden_set_run(struct session *session);

int sync_run_run(struct session *session);
int sync_estimate_run(struct session *session);
int sync_resolve_run(struct session *session);
int sync_watch_run(struct session *session);
int sync_cancel_run(struct session *session);

int search_run(struct session *session);
void search_note(struct session *session, const ProtobufCMessage *response);
int changes_watch_run(struct session *session);

int docs_show_run(struct session *session);
int docs_read_run(struct session *session);
int docs_image_run(struct session *session);

int passwords_reveal_run(struct session *session);
int passwords_hand_off_run(struct session *session);
int passwords_withdraw_run(struct session *session);
int passwords_explain_run(struct session *session);

int reveal_policy_set_run(struct session *session);
int reveal_policy_unfreeze_run(struct session *session);

int exposures_resolve_run(struct session *session);
int audit_export_run(struct session *session);
int audit_verify_run(struct session *session);
int audit_watch_run(struct session *session);
int audit_key_run(struct session *session);

int access_revoke_run(struct session *session);

int vault_rewrap_run(struct session *session);

int token_mint_run(struct session *session);
int token_keys_run(struct session *session);

int doctor_run(struct session *session);

int health_run(struct session *session);
