// Every service of the contract and its method table: the map of what the server can do.
#pragma once

#include "server/service/method.h"

extern const struct service access_service;
extern const struct service connection_service;
extern const struct service company_service;
extern const struct service company_set_service;
extern const struct service mapping_service;
extern const struct service config_service;
extern const struct service sync_service;
extern const struct service documentation_service;
extern const struct service password_service;
extern const struct service reveal_policy_service;
extern const struct service exposure_service;
extern const struct service audit_service;
extern const struct service admin_service;
