-- New mammograms go to the gateway; its reports come back by C-STORE and are no mammograms.
function OnStoredInstance(instanceId, tags, metadata, origin)
  if tags['Modality'] == 'MG' then SendToModality(instanceId, 'mammogate') end
end
