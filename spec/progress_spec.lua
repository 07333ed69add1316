local progress = require "aitronos.cli.progress"

local NOON = os.time { year = 2026, month = 3, day = 4, hour = 12 }

-- A progress with its clock and width in the hands of the spec. `take` gives what was written since
-- it was called last.
local function stage(changes)
  local self = { now = 100, columns = 80, text = {} }
  local options = {
    write = function(text) self.text[#self.text + 1] = text end,
    terminal = true,
    width = function() return self.columns end,
    clock = function() return self.now end,
    time = function() return NOON + self.now - 100 end,
    color = false,
    quiet = false,
  }
  for name, value in pairs(changes or {}) do
    options[name] = value
  end
  self.progress = progress.new(options)
  function self.take()
    local text = self.text
    self.text = {}
    return text
  end
  return self
end

local function state(changes)
  local made = { total = 2000, done = 412, failed = 3, started = 100 }
  for name, value in pairs(changes or {}) do
    made[name] = value
  end
  return made
end

-- What stands in the line after one drawing.
local function drawn(text)
  return (text:gsub("^\r\27%[J", ""):gsub("[\r\n]$", ""):gsub("\27%[%d*m", ""))
end

local function last_line(self)
  local text = self.take()
  return drawn(text[#text])
end

describe("on a terminal", function()
  it("a line is cleared, drawn, and left with the cursor at its beginning", function()
    local self = stage()
    self.progress:update(state())
    assert.same({
      "\r\27[J[====>--------------------]   412/2000   20 %  3 failed\r",
    }, self.take())
  end)

  it("it is drawn ten times a second at most", function()
    local self = stage()
    for i = 0, 1024 do
      self.now = 100 + i / 512
      self.progress:update(state { done = i })
    end
    local times = #self.take()
    assert.is_true(times >= 19 and times <= 21, times)
  end)

  it("it tells the rate of the last seconds and the time left by the whole run", function()
    local self = stage()
    for second = 0, 60 do
      self.now = 100 + second
      self.progress:update(state { done = second < 30 and second * 20 or 600 + (second - 30) * 2 })
    end
    -- 660 in a minute, the last of them at two a second
    assert.truthy(last_line(self):find("3 failed  2.0/s  2:02 left", 1, true))
  end)

  it("while it waits, the time left holds that wait and others like it", function()
    local self = stage()
    self.progress:update(state { done = 0, failed = 0, total = 300 })
    self.now = 102
    self.progress:update(state { done = 100, failed = 0, total = 300, waits_until = 160 })
    -- 100 in the minute that ends at 160, so two more minutes after that
    assert.truthy(last_line(self):find("waits until 12:01:00  2:58 left", 1, true))
  end)

  it("what an earlier run did counts for no rate, and for none of the time left", function()
    local self = stage()
    self.progress:update(state { done = 0 })
    self.now = 100.1
    self.progress:update(state { done = 1000, earlier = 1000 })
    self.now = 110
    self.progress:update(state { done = 1010, earlier = 1000 })
    assert.truthy(last_line(self):find("1.0/s  16:30 left", 1, true))
  end)

  it("a run that is to end says so, and not when it would have been done", function()
    local self = stage()
    self.progress:update(state { done = 0 })
    self.now = 110
    self.progress:update(state { done = 100, ending = true, waits_until = 200 })
    assert.truthy(last_line(self):find("  5 %%  3 failed  ending$"))
  end)

  it("a slow rate is told by the minute, and hours and days are", function()
    local self = stage()
    self.progress:update(state { total = 100000, done = 0 })
    self.now = 110
    self.progress:update(state { total = 100000, done = 5 })
    assert.truthy(last_line(self):find("30.0/min  2 d 7 h left", 1, true))
    self.now = 130
    self.progress:update(state { total = 5000, done = 25 })
    assert.truthy(last_line(self):find("1 h 39 min left", 1, true))
  end)

  it("a wait is told with its end and reason", function()
    local self = stage()
    self.progress:update(state { waits_until = 145.2, reason = "rate limit of the server" })
    local words = "waits until 12:00:45 (rate limit of the server)"
    assert.truthy(last_line(self):find(words, 1, true))
    self.now = 146
    self.progress:update(state { waits_until = 145.2, reason = "rate limit of the server" })
    assert.is_nil(last_line(self):find("waits", 1, true))
  end)

  it("one for the network says nothing of the time left", function()
    local self = stage()
    self.progress:update(state { done = 0 })
    self.now = 110
    self.progress:update(state { done = 100, waits_until = 120, offline = true })
    assert.truthy(last_line(self):find("  waits until 12:00:20$"))
  end)

  it("one that ends on another day is told with the date", function()
    local self = stage()
    self.progress:update(state { waits_until = 100 + 86400 })
    assert.truthy(last_line(self):find("waits until 2026-03-05 12:00:00", 1, true))
  end)

  it("it never fills the width, whatever that is and whatever there is to tell #bulk", function()
    for columns = 1, 200 do
      for _, changes in ipairs {
        {}, { unknown = 7 }, { total = 0, done = 0 }, { total = 1000000, done = 999999 },
        { waits_until = 5000, unknown = 12, reason = "l\195\164nger " .. ("x"):rep(300) },
        { total = 9007199254740992, done = 9007199254740991 },
      } do
        local self = stage()
        self.columns = columns
        self.progress:update(state(changes))
        self.now = 103
        self.progress:update(state(changes))
        self.progress:finish()
        for _, text in ipairs(self.take()) do
          local width = #drawn(text)
          assert.is_true(width < columns or columns == 1, columns .. ": " .. drawn(text))
          assert.is_true(width > 0)
        end
      end
    end
  end)

  it("what is most needed stays in a narrow one", function()
    local self = stage()
    for columns, expected in pairs {
      [40] = " 412/2000  3 failed  until 12:00:45",
      [25] = " 412/2000  3 failed",
      [20] = " 412/2000  3 failed",
      [19] = "412/2000",
      [8] = "20%",
    } do
      self.now, self.columns = self.now + 1, columns
      self.progress:update(state { waits_until = 145 })
      assert.equal(expected, last_line(self))
    end
  end)

  it("a width that can't be told is that of old", function()
    for _, width in ipairs { function() end, function() return 0 end } do
      local self = stage { width = width }
      self.progress:update(state())
      assert.truthy(last_line(self):find("^%[=.*3 failed$"))
    end
  end)

  it("the bar grows to its end", function()
    local self = stage()
    for i, done in ipairs { 0, 1, 1000, 1999, 2000 } do
      self.now = 200 + i
      self.progress:update(state { done = done, failed = 0 })
    end
    local bars = {}
    for i, text in ipairs(self.take()) do
      bars[i] = text:match("%b[]", 4)
    end
    assert.same({
      "[-------------------------]", "[-------------------------]", "[===========>-------------]",
      "[=======================>-]", "[=========================]",
    }, bars)
  end)

  it("colours come only where they are wanted, and all are ended", function()
    local self = stage { color = true }
    self.progress:update(state { unknown = 1, waits_until = 120 })
    local text = self.take()[1]
    local _, begun = text:gsub("\27%[[1-9]%d*m", "")
    local _, ended = text:gsub("\27%[0m", "")
    assert.is_true(begun >= 4)
    assert.equal(begun, ended)

    self = stage()
    self.progress:update(state { unknown = 1, waits_until = 120 })
    assert.is_nil(self.take()[1]:find("\27%[%d*m"))
  end)

  it("a note stands above the bar", function()
    local self = stage()
    self.progress:update(state())
    self.take()
    self.progress:note("row 7: \27[2Jno such role")
    local text = self.take()
    assert.equal("\r\27[Jrow 7: \\x1B[2Jno such role\n", text[1])
    assert.truthy(text[2]:find("412/2000", 1, true))
    assert.equal(2, #text)
  end)

  it("a note before the first drawing is just a line", function()
    local self = stage()
    self.progress:note("hello")
    assert.same({ "hello\n" }, self.take())
  end)

  it("the end leaves a line with the time it took, and no more comes after it", function()
    local self = stage()
    self.progress:update(state())
    self.take()
    self.now = 225
    self.progress:finish(state { done = 2000 })
    assert.same({
      "\r\27[J[=========================]  2000/2000  100 %  3 failed  in 2:05\n",
    }, self.take())
    self.progress:update(state())
    self.progress:finish()
    assert.same({}, self.take())
    self.progress:note("bye")
    assert.same({ "bye\n" }, self.take())
  end)
end)

describe("without a terminal", function()
  it("there is a line at each tenth and one at the end, without any escape", function()
    local self = stage { terminal = false, color = true }
    for done = 0, 2000 do
      self.now = 100 + done / 10
      self.progress:update(state { done = done })
    end
    self.progress:finish()
    local lines = self.take()
    assert.equal(10, #lines)
    assert.equal("200/2000, 10 %, 3 failed, 10/s, 3:00 left\n", lines[1])
    assert.equal("2000/2000, 100 %, 3 failed, in 3:20\n", lines[10])
    assert.is_nil(table.concat(lines):find("[^\n\32-\126]"))
  end)

  it("several tenths at once are one line", function()
    local self = stage { terminal = false }
    self.progress:update(state { done = 0 })
    self.progress:update(state { done = 900 })
    assert.same({ "900/2000, 45 %, 3 failed\n" }, self.take())
  end)

  it("what an earlier run did is no news", function()
    local self = stage { terminal = false }
    self.progress:update(state { done = 0 })
    self.progress:update(state { done = 900, earlier = 900 })
    assert.same({}, self.take())
    self.progress:update(state { done = 1000, earlier = 900 })
    assert.same({ "1000/2000, 50 %, 3 failed\n" }, self.take())
  end)

  it("a wait is told once, if it is long", function()
    local self = stage { terminal = false }
    self.progress:update(state { waits_until = 109 })
    assert.same({}, self.take())
    for second = 0, 40 do
      self.now = 110 + second
      self.progress:update(state { waits_until = 151, reason = "rate limit" })
    end
    local words = "412/2000, 20 %, 3 failed, waits until 12:00:51 (rate limit)\n"
    assert.same({ words }, self.take())
    self.progress:update(state { waits_until = 190, reason = "rate limit" })
    assert.equal(1, #self.take())
    self.now = 200
    self.progress:update(state())
    self.progress:update(state { waits_until = 230 })
    assert.equal(1, #self.take())
  end)

  it("a note is a line", function()
    local self = stage { terminal = false }
    self.progress:update(state())
    self.progress:note("two\nlines")
    assert.same({ "two\\nlines\n" }, self.take())
  end)
end)

it("quiet, only notes are written", function()
  for _, terminal in ipairs { true, false } do
    local self = stage { quiet = true, terminal = terminal }
    self.progress:update(state { waits_until = 1000 })
    self.progress:update(state { done = 2000 })
    self.progress:note("hello")
    self.progress:finish()
    assert.same({ "hello\n" }, self.take())
  end
end)
