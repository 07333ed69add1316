--- Callers that are gone: their jobs, and a client's, are stand-ins here, since a real job raises
--- nothing where it is cancelled but that memory ran out.
local callers = require "aitronos.driver.callers"

describe("a turn that a driver makes", function()
  local turns, client

  before_each(function()
    turns = 0
    client = {
      turn = function()
        turns = turns + 1
      end,
    }
  end)

  -- A coroutine that waits for this job, and that nobody will resume.
  local function leave(job)
    coroutine.wrap(function()
      callers.wait(job, coroutine.yield, function() end)
    end)()
  end

  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("cancels the job of a caller that was collected, once", function()
    local cancelled = 0
    leave {
      cancel = function()
        cancelled = cancelled + 1
      end,
    }
    collect()
    assert.equal(0, cancelled)
    assert.is_nil(callers.turn(client))
    assert.is_nil(callers.turn(client))
    assert.equal(1, cancelled)
    assert.equal(2, turns)
  end)

  it("returns what raises where that is cancelled, and the next one goes on", function()
    leave {
      cancel = function()
        error("not enough memory", 0)
      end,
    }
    collect()
    assert.equal("not enough memory", callers.turn(client))
    assert.is_nil(callers.turn(client))
    assert.equal(1, turns)
  end)

  it("returns what it raises itself", function()
    function client.turn()
      error("not enough memory", 0)
    end
    assert.equal("not enough memory", callers.turn(client))
  end)
end)
