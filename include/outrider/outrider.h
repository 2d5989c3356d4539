// SPDX-License-Identifier: MIT
#pragma once

// Everything a program needs to serve HTTP beside itself.

#include "outrider/app.h"
#include "outrider/config.h"
#include "outrider/error.h"
#include "outrider/limits.h"
#include "outrider/request.h"
#include "outrider/response.h"
#include "outrider/server.h"
#include "outrider/stop.h"
#include "outrider/task.h"
#include "outrider/tls.h"
#include "outrider/websocket.h"
#include "outrider/websocket_deflate.h"
#include "outrider/websocket_group.h"
