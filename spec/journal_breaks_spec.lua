--- A run may break off at any byte. What the next one finds is what was whole by then.

local support = require "spec.support.journal"

if support.unfit then
  it("the journal", function() pending(support.unfit) end)
  return
end

local journals = require "aitronos.journal"
local shell = require "spec.support.shell"
local signal = require "posix.signal"

local ORGANIZATION = support.ORGANIZATION

-- The same on each Lua, and from run to run.
local function new_random(seed)
  return function(most)
    seed = seed * 16807 % 2147483647
    return seed % most + 1
  end
end

-- What a journal with some of its lines must say, by a way of its place: the ops one by one.
local function entries_of(ops, is_whole)
  local entries = {}
  for number, op in ipairs(ops) do
    if is_whole(op) then
      if op.kind == "intend" then
        entries[op.key] = "intent " .. number
      elseif op.kind == "finish" then
        entries[op.key] = "done " .. number
      elseif op.kind == "retract" then
        entries[op.key] = nil
      end
    end
  end
  return entries
end

describe("a journal that breaks off", function()
  local place = support.each()
  local path = place.path

  local function say(journal, op, number)
    if op.kind == "intend" then
      journal:intend(op.key, tostring(number))
    elseif op.kind == "finish" then
      journal:finish(op.key, { line = number })
    else
      journal:retract(op.key)
    end
  end

  -- A journal's text, the ops of its lines in order, each with its first and last byte, and how
  -- long the text was at each sync. Its runs retract only what they intended, so that each op
  -- makes a line.
  local function make(random, count)
    local ops, synced = {}, {}
    local journal, intended = place:open(), {}
    ops[1] = { kind = "header" }
    while #ops < count do
      local op = { key = "p" .. random(6) .. "@example.com" }
      local chance = random(10)
      if chance <= 5 then
        op.kind = "intend"
      elseif chance <= 8 or not intended[op.key] then
        op.kind = "finish"
      else
        op.kind = "retract"
      end
      if op.kind ~= "retract" or not journal.open[op.key] then
        intended[op.key] = true
        ops[#ops + 1] = op
        say(journal, op, #ops)
      end
      chance = random(12)
      if chance == 1 then
        assert(journal:flush())
      elseif chance <= 4 then
        assert(journal:sync())
        synced[#synced + 1] = #shell.read_file(path)
      elseif chance == 5 then
        assert(journal:close())
        journal, intended = place:open(), {}
        ops[#ops + 1] = { kind = "header" }
      end
    end
    assert(journal:close())

    local text = shell.read_file(path)
    local last = 0
    for _, op in ipairs(ops) do
      op.first = last + 1
      last = assert(text:find("\n", op.first, true))
      op.last = last - 1
    end
    assert.equal(#text, last)
    return text, ops, synced
  end

  local KEYS = {}
  for i = 1, 6 do
    KEYS[i] = "p" .. i .. "@example.com"
  end

  local function assert_entries(expected, journal, hint)
    local open_count, done_count = 0, 0
    for _, key in ipairs(KEYS) do
      local entry = journal:entry(key)
      local found = entry and entry.state .. " " .. (entry.role or entry.line)
      assert.equal(expected[key], found, hint)
      open_count = open_count + (entry and entry.state == "intent" and 1 or 0)
      done_count = done_count + (entry and entry.state == "done" and 1 or 0)
    end
    assert.equal(done_count, journal.counts.done - (journal:entry("new@example.com") and 1 or 0))
    assert.equal(open_count, journal.counts.open)
  end

  -- Twice: a run that goes on after the break must not hide or bring back anything.
  local function check(text, expected, hint)
    shell.write_file(path, text)
    local journal, message = journals.open(path, ORGANIZATION)
    assert.truthy(journal, message and message .. " " .. hint)
    assert_entries(expected, journal, hint)
    journal:finish("new@example.com", { line = 1 })
    assert(journal:close())
    journal = place:open()
    assert_entries(expected, journal, hint)
    assert.equal(1, journal:entry("new@example.com").line)
    assert(journal:close())
  end

  describe("at any byte", function()
    before_each(function()
      local function done() return 0 end
      place:replace { fdatasync = done, fsync = done }
    end)

    -- Whether an op was whole when only so many bytes were there.
    local function within(size)
      return function(op) return op.last <= size end
    end

    it("has what was whole, cut short #bulk", function()
      local text, ops = make(new_random(7), 24)
      for size = 0, #text do
        local expected = entries_of(ops, within(size))
        check(text:sub(1, size), expected, "cut at " .. size)
        check(text:sub(1, size) .. ("\0"):rep(size % 9 + 1), expected, "NULs from " .. size)
      end
    end)

    it("has what was whole, of longer ones #bulk", function()
      for seed = 1, 20 do
        local random = new_random(seed)
        os.remove(path)
        local text, ops = make(random, 300)
        for _ = 1, 20 do
          local size = random(#text)
          local tail = ("\0"):rep(random(3) == 1 and random(5000) or 0)
          check(text:sub(1, size) .. tail, entries_of(ops, within(size)),
            ("seed %d cut at %d"):format(seed, size))
        end
      end
    end)

    it("has what was synced, where blocks in between are lost #bulk", function()
      for seed = 1, 20 do
        local random = new_random(seed)
        os.remove(path)
        local text, ops, synced = make(random, 200)
        for _ = 1, 20 do
          local from = synced[random(#synced)] + random(50)
          local to = math.min(from + random(300), #text)
          local holed = text:sub(1, from - 1) .. ("\0"):rep(to - from + 1) .. text:sub(to + 1)
          local expected = entries_of(ops, function(op)
            return op.last < from or op.first > to + 1
          end)
          check(holed, expected, ("seed %d NULs from %d to %d"):format(seed, from, to))
        end
      end
    end)

    it("has in its file all that was synced", function()
      for seed = 1, 20 do
        local random = new_random(seed)
        os.remove(path)
        local journal = place:open()
        for number = 1, 50 do
          journal:intend("p" .. number .. "@example.com", "role_x")
          if random(5) == 1 then
            assert(journal:sync())
            local _, count = shell.read_file(path):gsub("\n", "")
            assert.equal(number + 1, count)
          end
        end
        assert(journal:close())
      end
    end)
  end)

  -- All that the writer printed before it died, but for what the next reader made of a half line.
  local function read_keys(pipe, most)
    local keys = {}
    while #keys < most do
      local line = pipe:read()
      if not line then
        break
      end
      keys[#keys + 1] = line
    end
    return keys
  end

  it("since its process was killed, has what that had synced", function()
    local random = new_random(11)
    for _ = 1, 12 do
      local writer = support.start_writer("endless", path)
      local pid = tonumber(writer:read())
      local keys = read_keys(writer, random(60))
      signal.kill(pid, signal.SIGKILL)
      for _, key in ipairs(read_keys(writer, math.huge)) do
        keys[#keys + 1] = key
      end
      writer:close()

      local journal = place:open()
      local done = 0
      for i = 1, #keys do
        local entry = journal:entry(("p%d@example.com"):format(i))
        assert.truthy(entry, keys[i])
        done = done + (entry.state == "done" and 1 or 0)
      end
      -- The writer writes an end with the next sync at the latest.
      assert.truthy(done >= #keys - 1, done .. " of " .. #keys)
      assert(journal:close())
      os.remove(path)
    end
  end)

  it("at the limit of a file's size, goes on once that is lifted", function()
    local writer = support.start_writer("limit", path)
    assert.truthy(tonumber(writer:read()))
    local keys = read_keys(writer, math.huge)
    writer:close()
    local message = table.remove(keys)
    assert.equal("cannot write " .. path .. ": File too large", message)
    assert.truthy(#keys > 10)
    local journal = place:open()
    for i = 1, #keys do
      assert.equal(i, journal:entry(("p%d@example.com"):format(i)).line)
    end
    assert.same({ done = #keys, open = 1 }, journal.counts)
    assert(journal:close())
  end)
end)
