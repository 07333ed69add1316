--- Whether a list of jobs has ended: the condition until which a server of the specs is to run.
---@param jobs aitronos.Job[]
---@return fun(): boolean
return function(jobs)
  return function()
    for _, job in ipairs(jobs) do
      if not job:done() then
        return false
      end
    end
    return true
  end
end
