rockspec_format = "3.0"
package = "aitronos"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Invites users to an Aitronos organization",
  detailed = [[
    A client of the Aitronos API's invitations: a C core on libcurl with a thin Lua face.
    A call that ends unclearly is looked up before anything is sent again, and an error says what
    became of the invitation.
  ]],
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1, < 5.5, ~= 5.2",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7.0", -- this and the next are for the command only
  "luaposix >= 33.4.0",
}
external_dependencies = {
  -- Only the library: Debian keeps the header in a folder that the compiler knows and LuaRocks
  -- does not.
  CURL = { library = "curl" },
}
build = {
  type = "builtin",
  install = {
    bin = { "bin/aitronos-invite" },
  },
  modules = {
    ["aitronos"] = "lua/aitronos.lua",
    ["aitronos.bulk"] = "lua/aitronos/bulk.lua",
    ["aitronos.cli"] = "lua/aitronos/cli.lua",
    ["aitronos.cli.access"] = "lua/aitronos/cli/access.lua",
    ["aitronos.cli.arguments"] = "lua/aitronos/cli/arguments.lua",
    ["aitronos.cli.campaign"] = "lua/aitronos/cli/campaign.lua",
    ["aitronos.cli.complaint"] = "lua/aitronos/cli/complaint.lua",
    ["aitronos.cli.completion"] = "lua/aitronos/cli/completion.lua",
    ["aitronos.cli.faults"] = "lua/aitronos/cli/faults.lua",
    ["aitronos.cli.files"] = "lua/aitronos/cli/files.lua",
    ["aitronos.cli.health"] = "lua/aitronos/cli/health.lua",
    ["aitronos.cli.inputs"] = "lua/aitronos/cli/inputs.lua",
    ["aitronos.cli.invite"] = "lua/aitronos/cli/invite.lua",
    ["aitronos.cli.jsonl"] = "lua/aitronos/cli/jsonl.lua",
    ["aitronos.cli.ledger"] = "lua/aitronos/cli/ledger.lua",
    ["aitronos.cli.look_up"] = "lua/aitronos/cli/look_up.lua",
    ["aitronos.cli.manual"] = "lua/aitronos/cli/manual.lua",
    ["aitronos.cli.output"] = "lua/aitronos/cli/output.lua",
    ["aitronos.cli.people"] = "lua/aitronos/cli/people.lua",
    ["aitronos.cli.person"] = "lua/aitronos/cli/person.lua",
    ["aitronos.cli.plan"] = "lua/aitronos/cli/plan.lua",
    ["aitronos.cli.progress"] = "lua/aitronos/cli/progress.lua",
    ["aitronos.cli.record"] = "lua/aitronos/cli/record.lua",
    ["aitronos.cli.repeats"] = "lua/aitronos/cli/repeats.lua",
    ["aitronos.cli.report"] = "lua/aitronos/cli/report.lua",
    ["aitronos.cli.resend"] = "lua/aitronos/cli/resend.lua",
    ["aitronos.cli.roles"] = "lua/aitronos/cli/roles.lua",
    ["aitronos.cli.run"] = "lua/aitronos/cli/run.lua",
    ["aitronos.cli.shown"] = "lua/aitronos/cli/shown.lua",
    ["aitronos.cli.status"] = "lua/aitronos/cli/status.lua",
    ["aitronos.cli.system"] = "lua/aitronos/cli/system.lua",
    ["aitronos.cli.tally"] = "lua/aitronos/cli/tally.lua",
    ["aitronos.cli.usage"] = "lua/aitronos/cli/usage.lua",
    ["aitronos.cli.waits"] = "lua/aitronos/cli/waits.lua",
    ["aitronos.client"] = "lua/aitronos/client.lua",
    ["aitronos.csv"] = "lua/aitronos/csv.lua",
    ["aitronos.driver.blocking"] = "lua/aitronos/driver/blocking.lua",
    ["aitronos.driver.callers"] = "lua/aitronos/driver/callers.lua",
    ["aitronos.driver.copas"] = "lua/aitronos/driver/copas.lua",
    ["aitronos.driver.cqueues"] = "lua/aitronos/driver/cqueues.lua",
    ["aitronos.driver.luv"] = "lua/aitronos/driver/luv.lua",
    ["aitronos.driver.nginx"] = "lua/aitronos/driver/nginx.lua",
    ["aitronos.endpoints"] = "lua/aitronos/endpoints.lua",
    ["aitronos.error"] = "lua/aitronos/error.lua",
    ["aitronos.failure"] = "lua/aitronos/failure.lua",
    ["aitronos.finalizer"] = "lua/aitronos/finalizer.lua",
    ["aitronos.input"] = "lua/aitronos/input.lua",
    ["aitronos.journal"] = "lua/aitronos/journal.lua",
    ["aitronos.journal_lines"] = "lua/aitronos/journal_lines.lua",
    ["aitronos.options"] = "lua/aitronos/options.lua",
    ["aitronos.text"] = "lua/aitronos/text.lua",
    ["aitronos.core"] = {
      sources = {
        "csrc/attempt.c",
        "csrc/bell.c",
        "csrc/buffer.c",
        "csrc/check.c",
        "csrc/clock.c",
        "csrc/date.c",
        "csrc/engine.c",
        "csrc/headers.c",
        "csrc/lines.c",
        "csrc/lua_answer.c",
        "csrc/lua_client.c",
        "csrc/lua_core.c",
        "csrc/lua_event.c",
        "csrc/lua_job.c",
        "csrc/lua_json.c",
        "csrc/lua_operation.c",
        "csrc/lua_outcome.c",
        "csrc/lua_params.c",
        "csrc/lua_turn.c",
        "csrc/outcome.c",
        "csrc/pacer.c",
        "csrc/policy.c",
        "csrc/poller.c",
        "csrc/process.c",
        "csrc/pump.c",
        "csrc/pump_thread.c",
        "csrc/request.c",
        "csrc/signals.c",
        "csrc/sockets.c",
        "csrc/transfer.c",
        "csrc/waiters.c",
      },
      incdirs = { "csrc" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "pthread", "m" },
      defines = { "_GNU_SOURCE" },
    },
  },
}
