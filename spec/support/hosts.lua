--- Event loops, each behind the same few functions, for specs that say what their drivers do.
---
---     local loop = hosts.cqueues()
---     loop.spawn(f)                         a coroutine of the loop
---     loop.pause()                          in one: lets the others run
---     loop.step()                           one round, without waiting
---     loop.run()                            until no coroutine is left, waiting as the loop does
---     loop = loop.kill()                    drops those who wait; the loop that goes on
---     loop.cannot_kill                      why there is no way to do that
---     loop.close()

-- Before anything that loads socket.http, or it refuses in Lua 5.1. Specs load this file first.
local has_copas = pcall(require, "copas")

local socket = require "socket"

local hosts = {
  ---Why a loop is not to be had here, by its name.
  missing = {
    copas = not has_copas and "Debian's lua-copas is for Lua 5.1 and 5.2 only" or nil,
  },
}

-- A wait that never ends must not take the suite with it.
local LIMIT_SECONDS = 60

function hosts.cqueues()
  local cqueues = require "cqueues"
  local controller = cqueues.new()
  local loop = {}

  function loop.spawn(f)
    controller:wrap(f)
  end

  function loop.pause()
    cqueues.poll(0)
  end

  function loop.step()
    assert(controller:step(0))
  end

  function loop.run()
    assert(controller:loop(LIMIT_SECONDS))
    assert(controller:empty(), "the loop did not come to its end")
  end

  -- All of them: a controller lets none go before itself.
  function loop.kill()
    controller:close()
    collectgarbage()
    collectgarbage()
    return hosts.cqueues()
  end

  function loop.close()
    controller:close()
  end

  return loop
end

function hosts.luv()
  local uv = require "luv"
  local loop = {}
  local last

  function loop.spawn(f)
    last = coroutine.create(f)
    assert(coroutine.resume(last))
  end

  function loop.pause()
    local thread = coroutine.running()
    local idle = uv.new_idle()
    idle:start(function()
      idle:close()
      assert(coroutine.resume(thread))
    end)
    coroutine.yield()
  end

  function loop.step()
    uv.run("nowait")
  end

  function loop.run()
    local late
    local limit = uv.new_timer()
    limit:start(LIMIT_SECONDS * 1000, 0, function()
      late = true
      uv.stop()
    end)
    limit:unref()
    uv.run()
    limit:close()
    uv.run("nowait")
    assert(not late, "the loop did not come to its end")
  end

  local close = rawget(coroutine, "close")
  loop.cannot_kill = not close and "only Lua 5.4 can close a coroutine that waits" or nil

  function loop.kill()
    assert(close(last))
    return loop
  end

  -- The default loop stays; what is left of closed handles goes.
  function loop.close()
    uv.run("nowait")
  end

  return loop
end

-- Something that copas finds readable at once, for versions without a pause.
local function readable()
  local once = socket.udp4()
  local read = false

  return {
    getfd = function() return once:getfd() end,
    dirty = function() return true end,
    close = function() end,
    receive = function()
      if read then
        once:close()
        return true
      end
      read = true
      return nil, "timeout"
    end,
  }
end

function hosts.copas()
  local copas = require "copas"
  local loop = {}
  local open = 0

  loop.cannot_kill = "copas drops a thread no earlier than it would resume it"

  function loop.spawn(f)
    open = open + 1
    copas.addthread(function()
      f()
      open = open - 1
    end)
  end

  function loop.pause()
    copas.receive(readable())
  end

  function loop.step()
    copas.step(0)
  end

  function loop.run()
    local limit = socket.gettime() + LIMIT_SECONDS
    while open > 0 do
      copas.step(1)
      assert(socket.gettime() < limit, "the loop did not come to its end")
    end
  end

  function loop.close() end

  return loop
end

return hosts
