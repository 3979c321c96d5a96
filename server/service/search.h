// SearchDocumentation, whose file is its own.
#pragma once

#include "server/service/method.h"

unary_handler search_documentation_handler;
