--- The life of an invitation in nginx: each step yields its light thread.
local Nginx = require "spec.support.nginx"
local cjson = require "cjson"
local http = require "socket.http"
local life = require "spec.support.life"
local sandbox = require "spec.support.sandbox"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local SERVER = [[
  location = /life {
    content_by_lua_block {
      local life = require "spec.support.life"
      local options = { base_url = "@UPSTREAM@" }
      for name, value in pairs(life.OPTIONS) do
        options[name] = value
      end
      local client = require("aitronos").new(options)
      local faults = life.all[ngx.unescape_uri(ngx.var.arg_name)].faults
      ngx.print(require("cjson").encode(life.live(client, faults)))
      client:close()
    }
  }
]]

describe("in nginx, the life of an invitation where", function()
  local server, nginx

  setup(function()
    server = sandbox.start()
    nginx = Nginx.start { server = SERVER, upstream = server.base_url }
  end)

  teardown(function()
    nginx:stop()
    server.stop()
  end)

  before_each(function() server.reset() end)

  for name, case in pairs(life.all) do
    it(name, function()
      local answer = http.request(("http://127.0.0.1:%d/life?name=%s"):format(nginx.port,
        name:gsub(" ", "%%20")))
      assert.same(case.lines, cjson.decode(answer))
      assert.equal(case.mails, #cjson.decode(server.get("/_sandbox/outbox")))
    end)
  end
end)
