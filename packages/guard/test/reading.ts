/**
 * What a reader's process may send, written down a second time: extending the allow-lists fails a test until this list
 * agrees. Nothing here is taken from the code under test.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** Commands that read, perform handshakes or logins, or release resources. */
export const readingCommands = words(`
  aggregate authenticate connectionStatus endSessions find getMore hello ismaster killCursors listCollections
  ping saslContinue saslStart
`)

/**
 * Commands of a real server (6.0, and attacked commands of later versions) that no reader sends; internal ones start
 * with `_`.
 */
export const refusedCommands = words(`
  abortShardSplit abortTransaction appendOplogNote applyOps autoSplitVector availableQueryOptions buildInfo
  bulkWrite checkShardingIndex cleanupOrphaned cloneCollectionAsCapped clusterAbortTransaction
  clusterAggregate clusterCommitTransaction clusterDelete clusterFind clusterGetMore clusterInsert
  clusterUpdate collMod collStats commitShardSplit commitTransaction compact compactStructuredEncryptionData
  connPoolStats connPoolSync convertToCapped coordinateCommitTransaction count create createIndexes createRole
  createUser currentOp dataSize dbCheck dbHash dbStats delete distinct donorAbortMigration
  donorForgetMigration donorStartMigration driverOIDTest drop dropAllRolesFromDatabase
  dropAllUsersFromDatabase dropConnections dropDatabase dropIndexes dropRole dropUser explain features filemd5
  findAndModify flushRouterConfig forgetShardSplit fsync fsyncUnlock getClusterParameter getCmdLineOpts
  getDatabaseVersion getDefaultRWConcern getDiagnosticData getFreeMonitoringStatus getLastError getLog
  getParameter getShardMap getShardVersion getnonce grantPrivilegesToRole grantRolesToRole grantRolesToUser
  hostInfo insert internalRenameIfOptionsAndIndexesMatch invalidateUserCache killAllSessions
  killAllSessionsByPattern killOp killSessions listCommands listDatabases listIndexes lockInfo logRotate
  logout mapReduce mergeChunks planCacheClear planCacheClearFilters planCacheListFilters planCacheSetFilter
  prepareTransaction profile reIndex recipientForgetMigration recipientSyncData recipientVoteImportedFiles
  refreshSessions renameCollection replSetAbortPrimaryCatchUp replSetFreeze replSetGetConfig replSetGetRBID
  replSetGetStatus replSetHeartbeat replSetInitiate replSetMaintenance replSetReconfig replSetRequestVotes
  replSetResizeOplog replSetStepDown replSetStepUp replSetSyncFrom replSetUpdatePosition
  revokePrivilegesFromRole revokeRolesFromRole revokeRolesFromUser rolesInfo rotateCertificates serverStatus
  setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion setFreeMonitoring
  setIndexCommitQuorum setParameter setProfilingFilterGlobally setShardVersion setUserWriteBlockMode
  shardingState shutdown splitChunk splitVector startRecordingTraffic startSession stopRecordingTraffic top
  update updateRole updateUser usersInfo validate validateDBMetadata voteCommitIndexBuild waitForFailPoint
  whatsmyuri
`)

/** Every name with a leading `$` that a read may contain. */
export const readingNames = words(`
  $abs $acos $acosh $add $addFields $addToSet $all $allElementsTrue $and $anyElementTrue $arrayElemAt
  $arrayToObject $asin $asinh $atan $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor
  $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $bottom $bottomN $box $bsonSize $bucket $bucketAuto
  $caseSensitive $ceil $center $centerSphere $changeStream $changeStreamSplitLargeEvent $clusterTime $cmp
  $comment $concat $concatArrays $cond $convert $cos $cosh $count $covariancePop $covarianceSamp $dateAdd
  $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth
  $dayOfWeek $dayOfYear $db $degreesToRadians $denseRank $densify $derivative $diacriticSensitive $divide
  $documentNumber $documents $elemMatch $eq $exists $exp $expMovingAvg $expr $facet $fill $filter $first
  $firstN $floor $geoIntersects $geoNear $geoWithin $geometry $getField $graphLookup $group $gt $gte $hour $id
  $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $integral $isArray $isNumber $isoDayOfWeek $isoWeek
  $isoWeekYear $jsonSchema $language $last $lastN $let $limit $linearFill $literal $ln $locf $log $log10
  $lookup $lt $lte $ltrim $map $match $max $maxDistance $maxN $median $mergeObjects $meta $millisecond $min
  $minDistance $minN $minute $mod $month $multiply $natural $ne $near $nearSphere $nin $nor $not $objectToArray
  $options $or $percentile $polygon $pow $project $push $radiansToDegrees $rand $range $rank $readPreference
  $redact $reduce $ref $regex $regexFind $regexFindAll $regexMatch $replaceAll $replaceOne $replaceRoot
  $replaceWith $reverseArray $round $rtrim $sample $sampleRate $search $searchMeta $second $set $setDifference
  $setEquals $setField $setIntersection $setIsSubset $setUnion $setWindowFields $shift $sigmoid $sin $sinh
  $size $skip $slice $sort $sortArray $sortByCount $split $sqrt $stdDevPop $stdDevSamp $strLenBytes $strLenCP
  $strcasecmp $substr $substrBytes $substrCP $subtract $sum $switch $tan $tanh $text $toBool $toDate
  $toDecimal $toDouble $toHashedIndexKey $toInt $toLong $toLower $toObjectId $toString $toUUID $toUpper $top
  $topN $trim $trunc $tsIncrement $tsSecond $type $unionWith $unset $unsetField $unwind $vectorSearch $week
  $year $zip
`)
