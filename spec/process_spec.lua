--- What becomes of clients, with a thread of their own and without, when a Lua state or a process
--- ends, and when it forks.
local cjson = require "cjson"
local child = require "spec.memory.child"
local sandbox = require "spec.support.sandbox"

local it_with = child.it_with

local host = child.host { "host", "memory_host" }

-- A sanitizer's allocator stays locked in a child if another thread was in it at the fork: this
-- host is there where there is no sanitizer.
local forking_host = child.host { "memory_host" }

for _, how in ipairs { "without a thread", "with a thread" } do
  local with_thread = how == "with a thread" and "yes" or nil

  describe("a client " .. how, function()
    local server = sandbox.each()

    local function run(command, script, base_url)
      local process = child.start(command, script, base_url, server.ca_file, with_thread)
      local code, output = process:finish()
      assert.equal(0, code, output)
    end

    it_with(host, "may be left open, with jobs in flight, when its state is closed", function()
      run(host, "leave", server.base_url)
      run(host, "leave", server.https_base_url)
    end)

    it_with(host, "may be one of many states', one after another and at once", function()
      run(host .. " --states 8 --threads 4", "leave", server.base_url)
      run(host .. " --states 8 --threads 4", "leave", server.https_base_url)
    end)

    for _, scheme in ipairs { "base_url", "https_base_url" } do
      it_with(forking_host, "may fork: " .. scheme:match "^%l+", function()
        server.reset()
        run(forking_host, "forks", server[scheme])
        local posts = cjson.decode(server.get "/_sandbox/requests").posts
        for address, n in pairs(posts) do
          assert.equal(1, n, address)
        end
        for _, who in ipairs { "before", "inline", "parent1", "parent50", "child1", "child50" } do
          assert.equal(1, posts[who .. "@example.com"], who)
        end
      end)
    end
  end)
end
