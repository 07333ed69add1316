local core = require "aitronos.core"

local SIGUSR1 = 10

describe("signals", function()
  after_each(function()
    core.watch_signal(SIGUSR1)
  end)

  it("are counted from when they are watched, and do nothing else", function()
    assert.is_true(core.watch_signal(SIGUSR1, true))
    assert.equal(0, core.signal_count(SIGUSR1))
    for count = 1, 3 do
      os.execute "kill -USR1 $PPID"
      assert.equal(count, core.signal_count(SIGUSR1))
    end
    assert.is_true(core.watch_signal(SIGUSR1, false))
    assert.equal(0, core.signal_count(SIGUSR1))
  end)

  it("are refused where there are none", function()
    for _, number in ipairs { -1, 0, 65, 9 } do -- the last one can't be caught
      assert.is_false(core.watch_signal(number, true))
      assert.equal(0, core.signal_count(number))
    end
  end)
end)
